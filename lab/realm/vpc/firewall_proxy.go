package vpc

import "context"

type firewallProxy struct{}

func (*firewallProxy) Close() error { return nil }

func (n *Network) setFirewall(ctx context.Context, live *liveSpace, s space) error { return nil }
