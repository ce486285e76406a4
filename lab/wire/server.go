package wire

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"haven/lab/wire/internal/api"
	"haven/lab/wire/internal/cbor"
	"haven/lab/wire/internal/jsonrpc"
	"haven/lab/wire/internal/query"
	"haven/lab/wire/internal/restjson"
	"haven/lab/wire/internal/restxml"
)

// Server answers for all of the lab's services.
type Server struct {
	options   Options
	services  map[string]*service   // by name
	scopes    map[string][]*service // by the service's name in a signature's scope
	protocols map[string]api.Protocol
}

// NewServer returns the server for services by the names of their packages in aws-sdk-go-v2, such as "ec2" and
// "elasticloadbalancingv2". It fails when a method that looks like an operation does not fit the service's model.
func NewServer(options Options, services map[string]any) (*Server, error) {
	options.setDefaults()
	if options.Authenticator == nil {
		return nil, fmt.Errorf("making the server: Options.Authenticator is missing")
	}
	s := &Server{options: options, services: map[string]*service{}, scopes: map[string][]*service{}, protocols: protocols()}
	for _, name := range slices.Sorted(maps.Keys(services)) {
		described, err := options.Models(name)
		if err != nil {
			return nil, err
		}
		if s.protocols[described.Metadata.Protocol] == nil {
			return nil, fmt.Errorf("serving %s: the lab does not speak its protocol %s", name, described.Metadata.Protocol)
		}
		service, err := newService(described, services[name])
		if err != nil {
			return nil, err
		}
		scope := described.Metadata.Scope()
		s.services[name] = service
		s.scopes[scope] = append(s.scopes[scope], service)
	}
	return s, nil
}

func protocols() map[string]api.Protocol {
	all := map[string]api.Protocol{}
	for _, protocol := range []api.Protocol{
		query.New(), query.NewEC2(), jsonrpc.Protocol{}, &restjson.Protocol{}, &restxml.Protocol{}, cbor.Protocol{},
	} {
		all[protocol.Name()] = protocol
	}
	return all
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.serve(w, r) }
