package vpc

import (
	"errors"
	"fmt"
)

// check finds what would make the plan contradict itself. Whether a spec is sensible is the services' business.
func (s Spec) check() error {
	var errs []error
	seen := map[string]bool{}
	unique := func(kind, id string) {
		if id == "" || seen[kind+id] {
			errs = append(errs, fmt.Errorf("%s %q is there twice or has no id", kind, id))
		}
		seen[kind+id] = true
	}
	for i := range s.VPCs {
		v := &s.VPCs[i]
		unique("VPC", v.ID)
		subnets := map[string]*Subnet{}
		for j := range v.Subnets {
			subnets[v.Subnets[j].ID] = &v.Subnets[j]
		}
		for _, face := range v.Interfaces {
			unique("interface", face.ID)
			unique("address in "+v.ID, face.Address.String())
			if face.Public.IsValid() {
				unique("public address", face.Public.String())
			}
			subnet := subnets[face.Subnet]
			if subnet == nil {
				errs = append(errs, fmt.Errorf("interface %s is in subnet %q, which VPC %s does not have", face.ID, face.Subnet, v.ID))
			} else if !subnet.CIDR.Contains(face.Address) {
				errs = append(errs, fmt.Errorf("interface %s has address %s outside its subnet's %s", face.ID, face.Address, subnet.CIDR))
			}
		}
	}
	return errors.Join(errs...)
}
