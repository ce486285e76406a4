// Package imds is the instance metadata service, versions 2 (tokens) and, where an instance allows it, 1.
//
// Sources: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html and
// instancedata-data-categories.html. Not there: what belongs to things that the lab lacks (spot, events, elastic
// inference, public keys, …) answers 404, as it does on an instance that has none of them.
package imds

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Facts are what an instance may know of itself. They may change while it runs.
type Facts struct {
	Enabled        bool
	TokensRequired bool
	InstanceTags   bool

	AccountID, Region, Zone, ZoneID string
	InstanceID, InstanceType        string
	ImageID, ReservationID          string
	Hostname                        string
	LaunchedAt                      time.Time
	UserData                        []byte
	Tags                            map[string]string

	InterfaceID, MAC     string
	Address, Public      netip.Addr
	SubnetID, VPCID      string
	SubnetCIDR, VPCCIDR  netip.Prefix
	SecurityGroups       []string
	SecurityGroupIDs     []string
	ProfileARN, RoleName string
}

// Credentials are the role's.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	Expires                                    time.Time
}

// Service answers one instance.
type Service struct {
	facts       func() Facts
	credentials func(context.Context) (Credentials, error)
	tokens      *tokens

	mu      sync.Mutex
	cached  Credentials
	role    string // whose they are
	updated time.Time
	renew   time.Time // when they are to be replaced
}

// New returns the service of an instance. facts is asked at each request, credentials when those that were handed out
// have less than half an hour left, or less than half of their life if that is shorter.
func New(facts func() Facts, credentials func(context.Context) (Credentials, error)) *Service {
	return &Service{facts: facts, credentials: credentials, tokens: newTokens()}
}

const (
	tokenHeader = "X-aws-ec2-metadata-token"
	ttlHeader   = "X-aws-ec2-metadata-token-ttl-seconds"
	maxTTL      = 21600 // seconds
)

// ServeHTTP answers a request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "EC2ws")
	w.Header().Set("Content-Type", "text/plain")
	f := s.facts()
	switch {
	case !f.Enabled:
		refuse(w, http.StatusForbidden)
	case r.Method == http.MethodPut:
		s.issue(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		refuse(w, http.StatusMethodNotAllowed)
	default:
		s.read(w, r, f)
	}
}

// issue hands out a token. A request that came through a proxy gets none: a misled proxy must not fetch credentials.
func (s *Service) issue(w http.ResponseWriter, r *http.Request) {
	if strings.TrimSuffix(r.URL.Path, "/") != "/latest/api/token" {
		refuse(w, http.StatusNotFound)
		return
	}
	if r.Header.Get("X-Forwarded-For") != "" {
		refuse(w, http.StatusForbidden)
		return
	}
	ttl, err := strconv.Atoi(r.Header.Get(ttlHeader))
	if err != nil || ttl < 1 || ttl > maxTTL {
		refuse(w, http.StatusBadRequest)
		return
	}
	w.Header().Set(ttlHeader, strconv.Itoa(ttl))
	fmt.Fprint(w, s.tokens.issue(time.Duration(ttl)*time.Second))
}

func (s *Service) read(w http.ResponseWriter, r *http.Request, f Facts) {
	if token := r.Header.Get(tokenHeader); token != "" || f.TokensRequired {
		left := s.tokens.left(token)
		if left <= 0 {
			refuse(w, http.StatusUnauthorized)
			return
		}
		w.Header().Set(ttlHeader, strconv.Itoa(int(left.Seconds())))
	}
	text, status := s.lookUp(r.Context(), f, r.URL.Path)
	if status != http.StatusOK {
		refuse(w, status)
		return
	}
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		w.Header().Set("Content-Type", "application/json")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	if r.Method == http.MethodGet {
		_, _ = w.Write([]byte(text))
	}
}

func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<html><head><title>%[1]d - %[2]s</title></head><body><h1>%[1]d - %[2]s</h1></body></html>\n",
		status, http.StatusText(status))
}
