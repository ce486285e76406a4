package vpc

// firewallPlan is what a firewall endpoint's proxy needs.
type firewallPlan struct {
	Policy FirewallPolicy
}

func (v *view) addFirewall(s *space, i *Interface) {}
