package rest

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"haven/lab/model"
	"haven/lab/wire/internal/api"
	"haven/lab/wire/internal/fault"
)

// Router finds operations of one service: those that the lab serves and those that only AWS has, so that a request
// for one of the latter is not taken for something else.
type Router struct{ routes []route }

type route struct {
	operation string
	served    bool
	method    string
	segments  []segment
	query     map[string]string // what the query must say; an empty value fits any
	required  []string
}

// segment is a part of a path: a literal, or a place for a label.
type segment struct {
	literal string
	label   string
	greedy  bool // takes all that is left
}

// NewRouter returns the router of a service's model.
func NewRouter(service *model.Service) *Router {
	router := &Router{}
	for _, name := range slices.Sorted(maps.Keys(service.Operations)) {
		router.routes = append(router.routes, newRoute(name, service.Operations[name].HTTP, true))
	}
	for _, name := range slices.Sorted(maps.Keys(service.Others)) {
		router.routes = append(router.routes, newRoute(name, service.Others[name], false))
	}
	return router
}

func newRoute(name string, described model.HTTP, served bool) route {
	path, query, _ := strings.Cut(described.RequestURI, "?")
	r := route{operation: name, served: served, method: described.Method, query: map[string]string{}, required: described.Required}
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if part != "" {
			r.segments = append(r.segments, newSegment(part))
		}
	}
	if query != "" {
		for pair := range strings.SplitSeq(query, "&") {
			key, value, _ := strings.Cut(pair, "=")
			r.query[key] = value
		}
	}
	return r
}

func newSegment(part string) segment {
	if !strings.HasPrefix(part, "{") {
		return segment{literal: part}
	}
	label := strings.Trim(part, "{}")
	return segment{label: strings.TrimSuffix(label, "+"), greedy: strings.HasSuffix(label, "+")}
}

// Find returns the operation whose route fits the request most closely.
func (r *Router) Find(request *api.Request) (api.Match, error) {
	best, closest := api.Match{}, -1
	for i := range r.routes {
		candidate := &r.routes[i]
		labels, ok := candidate.match(request)
		if !ok {
			continue
		}
		if weight := candidate.weight(); weight > closest {
			best, closest = api.Match{Name: candidate.operation, Labels: labels}, weight
		}
	}
	if closest < 0 {
		return best, fault.Newf(fault.UnknownOperation, "No operation of the service answers %s %s.", request.Method, request.Path)
	}
	return best, nil
}

// weight is how closely a route that fits, fits. Of two equal ones, the one that the lab serves goes first: AWS has
// older and newer operations on the same route.
func (r *route) weight() int {
	weight := 100 * (len(r.query) + len(r.required))
	for _, segment := range r.segments {
		switch {
		case segment.literal != "":
			weight += 10
		case !segment.greedy:
			weight += 4
		default:
			weight += 2
		}
	}
	if r.served {
		weight++
	}
	return weight
}

func (r *route) match(request *api.Request) (labels map[string]string, ok bool) {
	if r.method != request.Method {
		return nil, false
	}
	for key, value := range r.query {
		if !request.Query.Has(key) || value != "" && request.Query.Get(key) != value {
			return nil, false
		}
	}
	for _, required := range r.required {
		where, name, _ := strings.Cut(required, ":")
		if where == "query" && !request.Query.Has(name) || where == "header" && request.Header.Get(name) == "" {
			return nil, false
		}
	}
	return r.matchPath(request.Path)
}

func (r *route) matchPath(path string) (labels map[string]string, ok bool) {
	labels = map[string]string{}
	rest := strings.TrimPrefix(path, "/")
	for _, segment := range r.segments {
		part, after := rest, ""
		if !segment.greedy {
			part, after, _ = strings.Cut(rest, "/")
		}
		text, err := url.PathUnescape(part)
		if err != nil || part == "" || segment.label == "" && text != segment.literal {
			return nil, false
		}
		if segment.label != "" {
			labels[segment.label] = text
		}
		rest = after
	}
	return labels, rest == ""
}
