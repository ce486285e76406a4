package lab

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// settleTime is how long a request rests after its last byte has arrived. AWS's SDK closes a request's body as soon as
// the answer begins; an answer from the same machine can begin before the client's transport has noticed that it had
// sent everything, which then drops the connection under the answer. Over a network there is always that much time.
const settleTime = 5 * time.Millisecond

// settled gives clients time to see that they have sent their request.
func settled(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &settlingBody{ReadCloser: r.Body}
		}
		next.ServeHTTP(w, r)
	})
}

type settlingBody struct {
	io.ReadCloser
	ended bool
}

// Read reads on, and rests once at the end.
func (b *settlingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && !b.ended {
		b.ended = true
		time.Sleep(settleTime)
	}
	return n, err
}
