package machine

import "context"

// PowerOff takes a machine's power: everything in it ends at once, and its phase is "off" until it is started again. A
// machine that does not run is no error.
func (m *Manager) PowerOff(ctx context.Context, id string) error {
	i, err := m.instance(id)
	if err != nil {
		return err
	}
	return i.stop(ctx, true, PhaseOff)
}
