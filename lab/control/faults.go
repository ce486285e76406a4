package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"haven/lab/faults"
)

// Breaker is what of the lab can be broken.
type Breaker interface {
	// Faults returns every fault in force with what was observed of it.
	Faults(ctx context.Context) ([]faults.Status, error)
	// Break sets a fault; an error that is faults.ErrRefused tells what to ask for instead.
	Break(ctx context.Context, request faults.Request) (faults.Fault, error)
	// Heal ends faults: those named, or all when none is.
	Heal(ctx context.Context, ids []string) ([]faults.Fault, error)
}

// RefusedError says that what was asked for is not to be had; its text tells what is.
type RefusedError struct{ Text string }

// Error tells what is wrong and what there is.
func (e RefusedError) Error() string { return e.Text }

func serveFaults(mux *http.ServeMux, lab Breaker) {
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, r *http.Request) {
		all, err := lab.Faults(r.Context())
		reply(w, all, err)
	})
	mux.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) {
		var request faults.Request
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		made, err := lab.Break(r.Context(), request)
		replyFault(w, made, err)
	})
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, r *http.Request) {
		ids, all := r.URL.Query()["id"], r.URL.Query().Get("all") == "true"
		if all == (len(ids) > 0) {
			http.Error(w, "name faults by id=…, or say all=true", http.StatusBadRequest)
			return
		}
		healed, err := lab.Heal(r.Context(), ids)
		replyFault(w, healed, err)
	})
}

func replyFault(w http.ResponseWriter, body any, err error) {
	if errors.Is(err, faults.ErrRefused) {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	reply(w, body, err)
}

// Faults lists the faults in force.
func (c *Client) Faults(ctx context.Context) (all []faults.Status, err error) {
	return all, c.call(ctx, http.MethodGet, "/faults", nil, &all)
}

// Break sets a fault.
func (c *Client) Break(ctx context.Context, request faults.Request) (made faults.Fault, err error) {
	return made, c.call(ctx, http.MethodPost, "/faults", request, &made)
}

// Heal ends faults: those named, or all when none is.
func (c *Client) Heal(ctx context.Context, ids ...string) (healed []faults.Fault, err error) {
	query := url.Values{"id": ids}
	if len(ids) == 0 {
		query = url.Values{"all": {"true"}}
	}
	return healed, c.call(ctx, http.MethodDelete, "/faults?"+query.Encode(), nil, &healed)
}
