package lab

import (
	"net/http"
	"sync/atomic"
)

// lateHandler answers once the API is put together: the realm's networks, which serve it too, come up before.
type lateHandler struct{ handler atomic.Pointer[http.Handler] }

func (l *lateHandler) use(handler http.Handler) { l.handler.Store(&handler) }

// ServeHTTP passes the request on.
func (l *lateHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handler := l.handler.Load()
	if handler == nil {
		http.Error(w, "the lab is starting", http.StatusServiceUnavailable)
		return
	}
	(*handler).ServeHTTP(w, r)
}
