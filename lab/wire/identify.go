package wire

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"haven/lab/cloud"
	"haven/lab/wire/internal/api"
	"haven/lab/wire/internal/cbor"
	"haven/lab/wire/internal/fault"
	"haven/lab/wire/internal/jsonrpc"
	"haven/lab/wire/sigv4"
)

// identify finds the service by the scope of the signature, and by the header X-Amz-Target where several share one.
func (x *exchange) identify() error {
	x.protocol = x.server.guess(x.request)
	signature, err := sigv4.Parse(x.request.Request)
	if errors.Is(err, sigv4.ErrMissing) {
		return x.unsigned()
	}
	if err != nil {
		return fault.Newf(fault.BadCredentials, "%s.", strings.ReplaceAll(err.Error(), "\n", ": "))
	}
	x.signature = signature
	x.call.Region, x.call.Presigned, x.call.Signed = signature.Region, signature.Presigned, signature.Time
	if x.service = x.server.find(x.request.Request, signature.Service); x.service == nil {
		x.call.Service = signature.Service
		return fault.Newf(fault.UnimplementedOperation, "The lab does not implement the service %s.", signature.Service)
	}
	x.call.Service = x.service.model.Name
	x.protocol = x.server.protocolOf(x.request.Request, x.service)
	if x.isS3() {
		x.request.Path = pathStyle(x.call.Host, x.request.Path)
	}
	if _, ok := cloud.FindRegion(signature.Region); !ok {
		return fault.Newf(fault.WrongRegion, "Credential should be scoped to a valid region: the lab has no region %q; it has %s.",
			signature.Region, strings.Join(regionNames(), ", "))
	}
	return nil
}

func regionNames() []string {
	var names []string
	for _, region := range cloud.Regions() {
		names = append(names, region.Name)
	}
	return names
}

// unsigned lets S3 answer a request that nobody signed, when somebody decides what everyone may, and refuses others.
// What does not say which service it is for is for S3, as a plain GET would be.
func (x *exchange) unsigned() error {
	if x.isLink() {
		return nil
	}
	if s3 := x.server.services["s3"]; s3 != nil && x.protocol.Name() == "rest-xml" {
		x.service, x.call.Service = s3, "s3"
		if x.server.options.Authorizer != nil {
			x.call.Region = regionOfHost(x.call.Host)
			x.request.Path = pathStyle(x.call.Host, x.request.Path)
			return nil
		}
		return fault.Newf(fault.MissingSignature, "Access Denied: the request is not signed, and the lab answers signed requests only.")
	}
	return fault.Newf(fault.MissingSignature, "Missing Authentication Token: the request is not signed, and the lab answers signed requests only.")
}

// links are the operations that people and endpoints may call without a signature, by links that SNS sends them: what
// they need to know is in the link. Their value is the parameter that names the region, in an ARN.
var links = map[string]string{"ConfirmSubscription": "TopicArn", "Unsubscribe": "SubscriptionArn"}

// isLink takes a request by one of SNS's links.
func (x *exchange) isLink() bool {
	sns, named := x.server.services["sns"], links[x.request.Query.Get("Action")]
	if sns == nil || named == "" || x.request.Method != http.MethodGet || x.request.Path != "/" {
		return false
	}
	parts := strings.Split(x.request.Query.Get(named), ":")
	if len(parts) < 6 {
		return false
	}
	if _, ok := cloud.FindRegion(parts[3]); !ok {
		return false
	}
	x.service, x.call.Service, x.call.Region = sns, "sns", parts[3]
	x.protocol = x.server.protocols[sns.model.Metadata.Protocol]
	return true
}

// find returns the service of a scope, or nil.
func (s *Server) find(r *http.Request, scope string) *service {
	sharing := s.scopes[scope]
	if len(sharing) == 0 {
		return nil
	}
	if prefix, _ := jsonrpc.Target(r); prefix != "" {
		i := slices.IndexFunc(sharing, func(s *service) bool { return s.model.Metadata.TargetPrefix == prefix })
		if i >= 0 {
			return sharing[i]
		}
	}
	return sharing[0]
}

// protocolOf returns the protocol that a request to a service is in: the model's, unless the request says otherwise.
func (s *Server) protocolOf(r *http.Request, to *service) api.Protocol {
	if asked := s.asked(r); asked != nil {
		return asked
	}
	return s.protocols[to.model.Metadata.Protocol]
}

// asked returns the protocol that a request names in its headers, or nil.
func (s *Server) asked(r *http.Request) api.Protocol {
	switch {
	case r.Header.Get("Smithy-Protocol") != "":
		return s.protocols[cbor.Header]
	case r.Header.Get("X-Amz-Target") != "":
		return s.protocols["json"]
	}
	return nil
}

// guess returns the protocol that a request to an unknown service seems to be in.
func (s *Server) guess(r *api.Request) api.Protocol {
	if asked := s.asked(r.Request); asked != nil {
		return asked
	}
	switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); {
	case kind == "application/x-www-form-urlencoded" || r.Query.Has("Action"):
		return s.protocols["query"]
	case kind == "application/json":
		return s.protocols["rest-json"]
	}
	return s.protocols["rest-xml"]
}

// operationQuery removes from a URL's parameters what belongs to the signature.
func operationQuery(query url.Values) url.Values {
	for _, name := range []string{
		"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature",
		"X-Amz-Security-Token", "X-Amz-Content-Sha256",
	} {
		query.Del(name)
	}
	return query
}
