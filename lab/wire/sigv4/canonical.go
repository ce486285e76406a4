package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest puts a request into the form that is signed.
func (s *Signature) canonicalRequest(r *http.Request, path, payloadHash string) string {
	return strings.Join([]string{
		r.Method, path, canonicalQuery(r.URL.RawQuery),
		s.canonicalHeaders(r), strings.Join(s.SignedHeaders, ";"), payloadHash,
	}, "\n")
}

// canonicalPaths are the forms in which the path may have been signed: for S3 encoded once, as it is or as it was sent;
// for all others encoded once more, without dots and empty parts.
func (s *Signature) canonicalPaths(r *http.Request) []string {
	raw, _, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(raw, "/") {
		raw = r.URL.EscapedPath()
	}
	if raw == "" {
		raw = "/"
	}
	if s.Service != "s3" {
		return []string{escape(clean(raw), true)}
	}
	decoded, err := url.PathUnescape(raw)
	if recoded := escape(decoded, true); err == nil && recoded != raw {
		return []string{recoded, raw}
	}
	return []string{raw}
}

// clean removes ".", ".." and empty parts, and keeps a slash at the end.
func clean(path string) string {
	var kept []string
	for part := range strings.SplitSeq(path, "/") {
		switch {
		case part == "" || part == ".":
		case part == "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept = append(kept, part)
		}
	}
	cleaned := "/" + strings.Join(kept, "/")
	if len(cleaned) > 1 && strings.HasSuffix(path, "/") {
		cleaned += "/"
	}
	return cleaned
}

func canonicalQuery(raw string) string {
	if raw == "" {
		return ""
	}
	var pairs []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, value = recode(name), recode(value)
		if pair != "" && name != "X-Amz-Signature" {
			pairs = append(pairs, name+"="+value)
		}
	}
	// By name and then value: the equals sign sorts after some characters of names, so compare the parts.
	slices.SortFunc(pairs, func(a, b string) int {
		nameA, valueA, _ := strings.Cut(a, "=")
		nameB, valueB, _ := strings.Cut(b, "=")
		if order := strings.Compare(nameA, nameB); order != 0 {
			return order
		}
		return strings.Compare(valueA, valueB)
	})
	return strings.Join(pairs, "&")
}

func recode(text string) string {
	decoded, err := url.QueryUnescape(text)
	if err != nil {
		return text
	}
	return escape(decoded, false)
}

func (s *Signature) canonicalHeaders(r *http.Request) string {
	var out strings.Builder
	for _, name := range s.SignedHeaders {
		out.WriteString(name + ":" + headerValue(r, name) + "\n")
	}
	return out.String()
}

func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	case "transfer-encoding":
		return strings.Join(r.TransferEncoding, ",")
	}
	var values []string
	for _, value := range r.Header.Values(name) {
		values = append(values, strings.Join(strings.Fields(value), " "))
	}
	return strings.Join(values, ",")
}

const upperHex = "0123456789ABCDEF"

// escape encodes all but letters, digits and "-._~", and slashes where they are to stay.
func escape(text string, slashes bool) string {
	var out strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9',
			c == '-' || c == '.' || c == '_' || c == '~', c == '/' && slashes:
			out.WriteByte(c)
		default:
			out.WriteByte('%')
			out.WriteByte(upperHex[c>>4])
			out.WriteByte(upperHex[c&15])
		}
	}
	return out.String()
}
