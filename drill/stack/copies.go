package stack

import "context"

// copies asks the lab how each zone's copy of a file system is.
func copies(ctx context.Context, c commands, fileSystem string) (map[string]string, error) {
	var lab struct {
		Copies []struct{ FileSystem, Zone, State string }
	}
	if err := c.decode(ctx, &lab, "lab", "status"); err != nil {
		return nil, err
	}
	states := map[string]string{}
	for _, one := range lab.Copies {
		if one.FileSystem == fileSystem {
			states[one.Zone] = one.State
		}
	}
	return states, nil
}
