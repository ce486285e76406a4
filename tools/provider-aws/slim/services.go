package main

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// service is one line of the list: a folder of internal/service, and the source files whose resources are left
// out although the service is kept.
type service struct {
	folder string
	omit   []string // path.Match patterns on file names
}

// omits says whether the resources declared in the named file are left out.
func (s service) omits(file string) bool {
	return slices.ContainsFunc(s.omit, func(pattern string) bool {
		match, _ := path.Match(pattern, file) // readServices has checked the pattern
		return match
	})
}

// clientOnly is a service that is there for its API client: all of its resources are left out.
func clientOnly(folder string) service {
	return service{folder: folder, omit: []string{"*"}}
}

// readServices reads a list of services: one a line, "folder !pattern !pattern", where # begins a comment.
func readServices(file string) ([]service, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the list of services: %w", err)
	}
	services, err := parseServices(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", file, err)
	}
	return services, nil
}

func parseServices(text string) ([]service, error) {
	var services []service
	for i, line := range strings.Split(text, "\n") {
		words, _, _ := strings.Cut(line, "#")
		fields := strings.Fields(words)
		if len(fields) == 0 {
			continue
		}
		s := service{folder: fields[0]}
		for _, field := range fields[1:] {
			pattern, ok := strings.CutPrefix(field, "!")
			if _, err := path.Match(pattern, ""); !ok || err != nil {
				return nil, fmt.Errorf("%d: %q is not a file pattern like !transitgateway_*", i+1, field)
			}
			s.omit = append(s.omit, pattern)
		}
		if slices.ContainsFunc(services, func(other service) bool { return other.folder == s.folder }) {
			return nil, fmt.Errorf("%d: service %s is listed twice", i+1, s.folder)
		}
		services = append(services, s)
	}
	if len(services) == 0 {
		return nil, fmt.Errorf("1: no service is listed")
	}
	return services, nil
}
