package page

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// tokenHeader carries the page's token: a form or an image of another site cannot set it.
const tokenHeader = "X-Haven-Token"

// guardHeaders forbids the page everything but its own files.
func guardHeaders(h http.Header) {
	h.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
	}, "; "))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-cache")
}

// loopbackName tells whether a Host header names this machine itself. A name that a foreign site has made to lead here
// (DNS rebinding) does not.
func loopbackName(host string) bool {
	name := host
	if only, _, err := net.SplitHostPort(host); err == nil {
		name = only
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if strings.EqualFold(name, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(name)
	return err == nil && address.Unmap().IsLoopback()
}

// foreign tells whether a browser says that a request comes from another site.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	parsed, err := url.Parse(origin)
	return err != nil || parsed.Scheme != "http" || !strings.EqualFold(parsed.Host, r.Host)
}

// own lets through only what the page itself asks: of the same origin, with its token, as JSON.
func (p *Page) own(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case foreign(r):
			refuse(w, http.StatusForbidden, "the request comes from another site")
		case r.Header.Get(tokenHeader) != p.token:
			refuse(w, http.StatusForbidden, "the page is older than this lab; load it again")
		case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
			refuse(w, http.StatusUnsupportedMediaType, "the body is not JSON")
		default:
			r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
			next(w, r)
		}
	}
}
