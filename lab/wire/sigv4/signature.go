package sigv4

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// What can be wrong with a signature's form.
var (
	ErrMissing   = errors.New("the request is not signed")
	ErrMalformed = errors.New("the signature is malformed")
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	timeLayout = "20060102T150405Z"
	// MaxSkew is how far a request's time may be from the server's.
	MaxSkew = 15 * time.Minute
	// maxExpiry is the longest life of a presigned URL.
	maxExpiry = 7 * 24 * time.Hour
)

// Signature is what a request says about who signed it and how.
type Signature struct {
	AccessKeyID   string
	Token         string // the session token of temporary credentials
	Day           string // of the scope, as 20060102
	Region        string
	Service       string
	Time          time.Time
	Expires       time.Duration // of a presigned URL
	Presigned     bool
	SignedHeaders []string
	Value         string // the signature itself, in hexadecimal digits
}

// Scope returns the credential scope.
func (s *Signature) Scope() string {
	return strings.Join([]string{s.Day, s.Region, s.Service, "aws4_request"}, "/")
}

// Parse reads a request's signature. The error is ErrMissing, or wraps ErrMalformed.
func Parse(r *http.Request) (*Signature, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		return parseHeader(r, header)
	}
	query := r.URL.Query()
	if query.Has("X-Amz-Algorithm") || query.Has("X-Amz-Credential") {
		return parseQuery(query)
	}
	return nil, ErrMissing
}

func malformed(why string) error { return errors.Join(ErrMalformed, errors.New(why)) }

func parseHeader(r *http.Request, header string) (*Signature, error) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	if scheme != algorithm {
		return nil, malformed("the lab knows only signatures of the kind " + algorithm)
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	signature := &Signature{Value: fields["Signature"], Token: r.Header.Get("X-Amz-Security-Token")}
	if err := signature.fill(fields["Credential"], fields["SignedHeaders"]); err != nil {
		return nil, err
	}
	return signature, signature.setTime(sentTime(r))
}

// sentTime returns the time of a request, which is in X-Amz-Date or else in Date.
func sentTime(r *http.Request) string {
	if date := r.Header.Get("X-Amz-Date"); date != "" {
		return date
	}
	if date, err := http.ParseTime(r.Header.Get("Date")); err == nil {
		return date.UTC().Format(timeLayout)
	}
	return ""
}

func parseQuery(query url.Values) (*Signature, error) {
	if query.Get("X-Amz-Algorithm") != algorithm {
		return nil, malformed("the lab knows only signatures of the kind " + algorithm)
	}
	signature := &Signature{Value: query.Get("X-Amz-Signature"), Token: query.Get("X-Amz-Security-Token"), Presigned: true}
	if err := signature.fill(query.Get("X-Amz-Credential"), query.Get("X-Amz-SignedHeaders")); err != nil {
		return nil, err
	}
	seconds, err := strconv.Atoi(query.Get("X-Amz-Expires"))
	if err != nil || seconds < 0 || time.Duration(seconds)*time.Second > maxExpiry {
		return nil, malformed("X-Amz-Expires must be a number of seconds up to 604800")
	}
	signature.Expires = time.Duration(seconds) * time.Second
	return signature, signature.setTime(query.Get("X-Amz-Date"))
}

func (s *Signature) fill(credential, headers string) error {
	parts := strings.Split(credential, "/")
	if len(parts) < 5 || parts[len(parts)-1] != "aws4_request" {
		return malformed("the credential is not of the form <access key id>/<date>/<region>/<service>/aws4_request")
	}
	scope := parts[len(parts)-4:]
	s.AccessKeyID = strings.Join(parts[:len(parts)-4], "/")
	s.Day, s.Region, s.Service = scope[0], scope[1], scope[2]
	if s.AccessKeyID == "" || s.Region == "" || s.Service == "" {
		return malformed("the credential lacks the access key id, the region or the service")
	}
	if headers == "" || s.Value == "" {
		return malformed("SignedHeaders or Signature is missing")
	}
	s.SignedHeaders = strings.Split(headers, ";")
	for _, name := range s.SignedHeaders {
		if name == "host" {
			return nil
		}
	}
	return malformed("the header Host is not signed")
}

func (s *Signature) setTime(text string) error {
	parsed, err := time.Parse(timeLayout, text)
	if err != nil {
		return malformed("the request's date is missing or not of the form " + timeLayout)
	}
	if parsed.Format("20060102") != s.Day {
		return malformed("the date in the credential's scope is not that of the request")
	}
	s.Time = parsed
	return nil
}

// Fresh tells whether the request was signed recently enough.
func (s *Signature) Fresh(now time.Time) bool {
	if s.Presigned {
		return !now.After(s.Time.Add(s.Expires)) && now.After(s.Time.Add(-MaxSkew))
	}
	return now.Sub(s.Time).Abs() <= MaxSkew
}
