package balancer

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
)

var (
	identifier = regexp.MustCompile(`^[A-Za-z0-9._:-]+$`)
	token      = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	header     = regexp.MustCompile(`^[A-Za-z0-9!#$%&*+._^~-]+$`)
)

// validate refuses a spec that could not be written down faithfully. The service refuses earlier, in AWS's words;
// this is the last line between a user's text and HAProxy's configuration.
func validate(spec Spec) error {
	if !spec.Address.IsValid() {
		return errors.New("it has no address")
	}
	if spec.Settings.IdleTimeout <= 0 {
		return errors.New("it has no idle timeout")
	}
	for _, group := range spec.Groups {
		if err := validateGroup(group); err != nil {
			return fmt.Errorf("target group %s: %w", group.ID, err)
		}
	}
	for _, listener := range spec.Listeners {
		if err := validateListener(spec, listener); err != nil {
			return fmt.Errorf("listener on port %d: %w", listener.Port, err)
		}
	}
	return nil
}

func validateGroup(group Group) error {
	if !token.MatchString(group.ID) {
		return errors.New("its id is no identifier")
	}
	if group.Sticky != nil && group.Sticky.AppCookie != "" && !token.MatchString(group.Sticky.AppCookie) {
		return fmt.Errorf("the cookie's name %q has characters that the lab does not support", group.Sticky.AppCookie)
	}
	for _, target := range group.Targets {
		if !identifier.MatchString(target.ID) || !target.Address.IsValid() || target.Port < 1 || target.Port > 65535 {
			return fmt.Errorf("target %q has no usable address", target.ID)
		}
	}
	return nil
}

func validateListener(spec Spec, listener Listener) error {
	if listener.TLS != nil {
		if _, ok := FindPolicy(listener.TLS.Policy); !ok {
			return fmt.Errorf("unknown policy %q", listener.TLS.Policy)
		}
		if len(listener.TLS.Certificates) == 0 {
			return errors.New("it has no certificate")
		}
	}
	for name, value := range listener.ResponseHeaders {
		if !header.MatchString(name) {
			return fmt.Errorf("%q is no header name", name)
		}
		if err := printable("header value", value); err != nil {
			return err
		}
	}
	for _, rule := range listener.Rules {
		if err := validateRule(spec, rule); err != nil {
			return fmt.Errorf("rule %d: %w", rule.Priority, err)
		}
	}
	return nil
}

func validateRule(spec Spec, rule Rule) error {
	for _, condition := range rule.Conditions {
		if err := validateCondition(condition); err != nil {
			return err
		}
	}
	switch action := rule.Action; {
	case action.Forward != nil:
		for _, weighted := range action.Forward.Groups {
			if _, ok := spec.Group(weighted.Group); !ok {
				return fmt.Errorf("it forwards to %s, which the node does not know", weighted.Group)
			}
		}
		return nil
	case action.Redirect != nil:
		r := action.Redirect
		return printable("redirect", r.Protocol+r.Host+r.Port+r.Path+r.Query)
	case action.Fixed != nil:
		return printable("content type", action.Fixed.ContentType)
	default:
		return errors.New("it has no action")
	}
}

func validateCondition(condition Condition) error {
	for _, value := range condition.Values {
		if err := printable(condition.Field, value); err != nil {
			return err
		}
	}
	for _, pair := range condition.Query {
		if err := printable(condition.Field, pair.Key+pair.Value); err != nil {
			return err
		}
	}
	switch condition.Field {
	case FieldHost, FieldPath, FieldMethod, FieldQuery:
		return nil
	case FieldHeader:
		if !token.MatchString(condition.Header) {
			return fmt.Errorf("the header name %q has characters that the lab does not support", condition.Header)
		}
		return nil
	case FieldSourceIP:
		for _, value := range condition.Values {
			if _, err := netip.ParsePrefix(value); err != nil {
				return fmt.Errorf("source-ip: %w", err)
			}
		}
		return nil
	}
	return fmt.Errorf("unknown condition %q", condition.Field)
}
