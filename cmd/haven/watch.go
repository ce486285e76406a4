package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"haven/cmd/haven/internal/environment"
	"haven/lab/authority"
)

const (
	watchTick = 2 * time.Second
	// redraw goes to the top left, and erase clears what is below: so that nothing flickers.
	redraw, eraseLine, erase = "\x1b[H", "\x1b[K", "\x1b[J"
)

// watchStatus looks again and again until it is interrupted. What goes wrong in between is shown, and it looks again.
func watchStatus(ctx context.Context, options statusOptions, stdout io.Writer) error {
	root, err := projectRoot()
	if err != nil {
		return err
	}
	stack, err := stackOutputs(ctx, root, options.stack)
	if err != nil {
		return err
	}
	show := newWatcher(options, stdout, filepath.Join(root, ".haven", "lab", authority.CertificateFile))
	for {
		seen, err := look(ctx, root, stack, options.stack)
		if ctx.Err() != nil {
			return nil // interrupted, as it is meant to be
		}
		if err := show(seen, err); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchTick):
		}
	}
}

// newWatcher returns what shows each look: in place on a terminal, else by a line for each change, or of JSON.
func newWatcher(options statusOptions, w io.Writer, ca string) func(*environment.Environment, error) error {
	if options.output == "json" {
		encoder := json.NewEncoder(w)
		return func(seen *environment.Environment, err error) error {
			if err != nil {
				return encoder.Encode(map[string]string{"error": err.Error()})
			}
			return encoder.Encode(seen)
		}
	}
	if isTerminal(w) {
		return func(seen *environment.Environment, err error) error { return paint(w, seen, err, ca) }
	}
	return (&teller{w: w}).tell
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// paint draws a look over the one before.
func paint(w io.Writer, seen *environment.Environment, failed error, ca string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s  (every %s; Ctrl-C ends)\n\n", time.Now().Format(time.TimeOnly), watchTick)
	if failed != nil {
		fmt.Fprintf(&b, "Not seen: %v\n", failed)
	} else if err := printEnvironment(&b, seen, ca); err != nil {
		return err
	}
	text := strings.ReplaceAll(b.String(), "\n", eraseLine+"\n")
	_, err := io.WriteString(w, redraw+text+erase)
	return err
}

// teller writes a line for each event and each change of how it is.
type teller struct {
	w    io.Writer
	said string
	last int64 // the id of the last event
}

func (t *teller) tell(seen *environment.Environment, failed error) error {
	if failed != nil {
		return t.say("not seen: " + failed.Error())
	}
	if seen.Lab != nil {
		for _, event := range seen.Lab.Events {
			if event.ID <= t.last {
				continue
			}
			t.last = event.ID
			if _, err := fmt.Fprintln(t.w, strings.Join(strings.Fields(eventText(event)), " ")); err != nil {
				return err
			}
		}
	}
	return t.say(summary(seen))
}

func (t *teller) say(text string) error {
	if text == t.said {
		return nil
	}
	t.said = text
	_, err := fmt.Fprintf(t.w, "%s %s\n", time.Now().Format(time.TimeOnly), text)
	return err
}

// summary is an environment in a line, without what changes all the time.
func summary(e *environment.Environment) string {
	text := "well"
	if !e.Ready {
		text = "not well: " + strings.Join(e.Troubles, "; ")
	}
	if e.Lab == nil {
		return text
	}
	for _, fault := range e.Lab.Faults {
		text += "; fault " + fault.Kind + " " + fault.Text
	}
	return text
}
