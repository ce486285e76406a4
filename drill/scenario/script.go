package scenario

import (
	"context"
	"fmt"
)

// UndoScript is the kind of undoing that runs the script of its parameter Script on the server Target.
const (
	UndoScript = "script"
	Script     = "script"
)

// scripted is a fault that a script makes on a web server, and another one undoes.
type scripted struct {
	stage  Stage
	what   string // is done to the server
	inject string
	active func(ctx context.Context, victim string) error
	undo   string // idempotent

	victim string
}

func (f *scripted) Setup(ctx context.Context) (string, error) {
	var err error
	f.victim, err = f.stage.server(ctx)
	return fmt.Sprintf("%s (%s)", f.victim, f.what), err
}

func (f *scripted) Inject(ctx context.Context) error {
	if err := f.stage.Undo.Remember(f.key(), Undoing{Kind: UndoScript, Target: f.victim, Parameters: map[string]string{Script: f.undo}}); err != nil {
		return err
	}
	_, err := f.stage.Command(ctx, f.victim, f.inject)
	return err
}

func (f *scripted) WaitActive(ctx context.Context) error { return f.active(ctx, f.victim) }

func (f *scripted) Recover(ctx context.Context) error {
	if err := f.stage.CommandUnlessGone(ctx, f.victim, f.undo); err != nil {
		return err
	}
	return f.stage.Undo.Done(f.key())
}

// WaitRecovered has nothing to wait for but full strength.
func (f *scripted) WaitRecovered(context.Context) error { return nil }

// Cleanup leaves what is remembered to those who undo everything after a fault.
func (f *scripted) Cleanup(context.Context) error { return nil }

func (f *scripted) key() string { return "script/" + f.what + "/" + f.victim }
