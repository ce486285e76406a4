package sabotage

import (
	"context"

	"haven/drill/target"
)

// noDeletionProtection is what a stack that declares deletion protection is left with after somebody has switched it off by hand. A lab's
// stack declares none: it is taken for one that does, as production is.
func noDeletionProtection(e *target.Environment) change {
	declared, open := e.Outputs, []target.Protectable{}
	return change{
		make: func(ctx context.Context) error {
			for _, p := range e.Protectables() {
				on, _, err := p.Look(ctx)
				if err != nil {
					return err
				}
				if !on {
					continue
				}
				open = append(open, p)
				if err := p.Set(ctx, false); err != nil {
					return err
				}
			}
			e.Outputs.LoadBalancer.DeletionProtection, e.Outputs.Database.DeletionProtection, e.Outputs.Firewall.DeletionProtection = true, true, true
			return nil
		},
		restore: func(ctx context.Context) error {
			e.Outputs = declared
			for _, p := range open {
				if err := p.Set(ctx, true); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
