package workload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"haven/drill/history"
)

// operation is one request that is to be made.
type operation struct {
	kind history.Kind
	key  string // of an append, or a file's name
	body string // of a file
}

// do makes a request and tells how it ended.
func (c *client) do(ctx context.Context, o operation) history.Operation {
	done := history.Operation{Kind: o.kind, Node: c.node.Zone, Key: o.key}
	a, err := c.request(ctx, o, &done)
	done.Status, done.Server, done.Zone = a.status, a.server, a.zone
	if err == nil {
		err = c.understand(o, a, &done)
	}
	done.Outcome = outcomeOf(o.kind, a, err)
	if err != nil {
		done.Error = err.Error()
	}
	return done
}

func (c *client) request(ctx context.Context, o operation, done *history.Operation) (answer, error) {
	tenant := "/tenants/" + c.site.Tenant
	switch o.kind {
	case history.Look:
		return c.send(ctx, http.MethodGet, "/whoami", "", nil)
	case history.Append:
		return c.send(ctx, http.MethodPost, tenant+"/ledger", fmt.Sprintf(`{"key":%q}`, o.key), map[string]string{"Idempotency-Key": o.key, "Content-Type": "application/json"})
	case history.List:
		return c.list(ctx, done)
	case history.Put:
		done.Digest = digest(o.body)
		return c.send(ctx, http.MethodPut, tenant+"/files/"+o.key, o.body, map[string]string{"X-Haven-Sha256": done.Digest})
	case history.Get:
		return c.send(ctx, http.MethodGet, tenant+"/files/"+o.key, "", nil)
	}
	return answer{}, fmt.Errorf("there is no operation %q", o.kind)
}

// understand checks an answer and takes what it tells.
func (c *client) understand(o operation, a answer, done *history.Operation) error {
	if a.status >= http.StatusMultipleChoices {
		return errors.New(a.explain().Error)
	}
	switch o.kind {
	case history.Append:
		var entry struct {
			Sequence int64 `json:"sequence"`
		}
		if err := json.Unmarshal(a.body, &entry); err != nil || entry.Sequence == 0 {
			return fmt.Errorf("the answer is no entry: %.80s", a.body)
		}
		done.Sequence = entry.Sequence
	case history.Get:
		done.Digest = digest(string(a.body))
		if a.digest != "" && a.digest != done.Digest {
			return fmt.Errorf("the file's content has SHA-256 %.12s…, its header says %.12s…", done.Digest, a.digest)
		}
	}
	return nil
}

// list reads the whole ledger from the writer, page by page.
func (c *client) list(ctx context.Context, done *history.Operation) (a answer, err error) {
	const page = 1000
	for after := int64(0); ; {
		a, err = c.send(ctx, http.MethodGet, fmt.Sprintf("/tenants/%s/ledger?consistent=true&limit=%d&after=%d", c.site.Tenant, page, after), "", nil)
		if err != nil || a.status != http.StatusOK {
			return a, err
		}
		var shown struct {
			Entries []struct {
				Sequence int64 `json:"sequence"`
				Body     struct {
					Key string `json:"key"`
				} `json:"body"`
			} `json:"entries"`
			Next int64 `json:"next"`
		}
		if err := json.Unmarshal(a.body, &shown); err != nil {
			return a, fmt.Errorf("reading a page of the ledger: %w", err)
		}
		for _, entry := range shown.Entries {
			done.Entries = append(done.Entries, history.Entry{Sequence: entry.Sequence, Key: entry.Body.Key})
		}
		if len(shown.Entries) < page {
			return a, nil
		}
		after = shown.Next
	}
}

// outcomeOf judges what became of a request. A write is only known to have failed when the server says so, or when no
// connection was made; whatever else went wrong, it may have happened.
func outcomeOf(kind history.Kind, a answer, err error) history.Outcome {
	switch {
	case err == nil:
		return history.OK
	case !kind.Writes(), a.status != 0 && a.explain().Outcome == "not-written", neverSent(err):
		return history.Failed
	case a.status >= http.StatusBadRequest && a.status < http.StatusInternalServerError && a.status != http.StatusRequestTimeout:
		return history.Failed // refused for what it was
	}
	return history.Unknown
}

// neverSent tells whether not even a connection was made.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || errors.Is(err, syscall.ECONNREFUSED) && strings.Contains(err.Error(), "dial")
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
