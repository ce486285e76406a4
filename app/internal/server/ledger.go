package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"unicode/utf8"

	"haven/app/internal/database"
)

const (
	maxBody  = 64 << 10 // bytes of one ledger entry
	maxPage  = 1000
	pageSize = 100
)

var (
	tenantName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	keyText    = regexp.MustCompile(`^[\x21-\x7e]{1,128}$`)
)

const tenantRule = "the tenant must be 1 to 63 lower-case letters, digits and dashes, and begin with a letter or digit"

// append adds an entry: 201, or 200 when the same Idempotency-Key had been used before for the same body.
func (s *server) append(w http.ResponseWriter, r *http.Request) {
	a, err := s.readAppend(w, r)
	if err != nil {
		reply(w, statusOf(err), refusal{Error: err.Error(), Outcome: "not-written"})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	entry, repeated, err := s.Ledger.Append(ctx, a)
	switch {
	case errors.Is(err, database.ErrKeyReused):
		reply(w, http.StatusUnprocessableEntity, refusal{Error: err.Error(), Outcome: "not-written"})
	case errors.Is(err, database.ErrUnknown):
		s.unavailable(w, r, err, "unknown")
	case err != nil:
		s.unavailable(w, r, err, "not-written")
	case repeated:
		w.Header().Set("Idempotency-Replayed", "true")
		reply(w, http.StatusOK, entry)
	default:
		s.metrics.appends.Inc()
		reply(w, http.StatusCreated, entry)
	}
}

func (s *server) readAppend(w http.ResponseWriter, r *http.Request) (database.Append, error) {
	a := database.Append{Tenant: r.PathValue("tenant"), Key: r.Header.Get("Idempotency-Key"), Instance: s.Identity.Instance}
	if !tenantName.MatchString(a.Tenant) {
		return a, bad(tenantRule)
	}
	if a.Key == "" {
		a.Key = "-" + rand.Text() // so that the server's own retries do not double
	} else if !keyText.MatchString(a.Key) || a.Key[0] == '-' {
		return a, bad("the Idempotency-Key must be 1 to 128 visible ASCII characters and not begin with a dash")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return a, tooLarge(fmt.Sprintf("the body is larger than %d bytes", maxBody))
	case err != nil:
		return a, bad("the body did not arrive whole")
	case !json.Valid(body) || !utf8.Valid(body):
		return a, bad("the body must be one JSON value in UTF-8")
	}
	a.Body = body
	return a, nil
}

type ledgerPage struct {
	Entries []database.Entry `json:"entries"`
	// Next is the number to ask after for the next page.
	Next   int64  `json:"next"`
	Server string `json:"server"` // the role of the member that answered: "reader" or "writer"
}

// list returns entries in order. Without ?consistent=true they come from a reader, which may lag behind the writer.
func (s *server) list(w http.ResponseWriter, r *http.Request) {
	tenant := r.PathValue("tenant")
	after, err1 := number(r, "after", 0, 0, 1<<62)
	limit, err2 := number(r, "limit", pageSize, 1, maxPage)
	consistent, err3 := boolean(r, "consistent")
	err := errors.Join(err1, err2, err3)
	if !tenantName.MatchString(tenant) {
		err = errors.Join(errors.New(tenantRule), err)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	page, err := s.Ledger.List(ctx, tenant, after, int(limit), consistent)
	if err != nil {
		s.unavailable(w, r, err, "")
		return
	}
	next := after
	if n := len(page.Entries); n > 0 {
		next = page.Entries[n-1].Sequence
	}
	w.Header().Set("X-Haven-Database-Role", page.Role)
	reply(w, http.StatusOK, ledgerPage{Entries: page.Entries, Next: next, Server: page.Role})
}

// unavailable answers for a database that did not: the cause goes to the log, not to the client.
func (s *server) unavailable(w http.ResponseWriter, r *http.Request, err error, outcome string) {
	s.Log.ErrorContext(r.Context(), "the database did not answer", "path", r.URL.Path, "error", err)
	w.Header().Set("Retry-After", "1")
	reply(w, http.StatusServiceUnavailable, refusal{Error: "the database does not answer at the moment", Outcome: outcome})
}

func number(r *http.Request, name string, otherwise, low, high int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil || value < low || value > high {
		return 0, fmt.Errorf("%s must be a whole number from %d to %d", name, low, high)
	}
	return value, nil
}

func boolean(r *http.Request, name string) (bool, error) {
	switch r.URL.Query().Get(name) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, fmt.Errorf("%s must be true or false", name)
}

// clientError is the client's own mistake.
type clientError struct {
	status  int
	message string
}

func (e clientError) Error() string { return e.message }

func bad(message string) error      { return clientError{http.StatusBadRequest, message} }
func tooLarge(message string) error { return clientError{http.StatusRequestEntityTooLarge, message} }

func statusOf(err error) int {
	var mistake clientError
	if errors.As(err, &mistake) {
		return mistake.status
	}
	return http.StatusInternalServerError
}
