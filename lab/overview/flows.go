package overview

// flows returns what goes between the tiers of a zone. Requests are the balancer's count. Bytes are the balancer's on
// its way in, and elsewhere what the interfaces of the tier that is reached carry, both ways: a database's includes
// what it replicates, a firewall's all that crosses it.
func flows(z Zone) (all []Flow) {
	add := func(from, to string, requests, bytes float64, there bool) {
		if there {
			all = append(all, Flow{Zone: z.Name, From: from, To: to, Requests: requests, Bytes: bytes})
		}
	}
	var crossed, inRequests, inBytes, served, stored, filed, outside float64
	for _, x := range z.Firewall {
		crossed += x.Received
	}
	for _, x := range z.Balancer {
		inRequests += x.Traffic.Requests
		inBytes += x.Traffic.Bytes
	}
	for _, x := range z.Servers {
		served += x.Requests
	}
	for _, x := range z.Database {
		stored += x.Received + x.Sent
	}
	for _, x := range z.Mounts {
		filed += x.Received + x.Sent
	}
	for _, x := range z.NAT {
		outside += x.Received
	}
	add("internet", "firewall", 0, crossed, len(z.Firewall) > 0)
	add("firewall", "balancer", inRequests, inBytes, len(z.Balancer) > 0)
	add("balancer", "servers", served, 0, len(z.Servers) > 0 && len(z.Balancer) > 0)
	add("servers", "database", 0, stored, len(z.Database) > 0)
	add("servers", "files", 0, filed, len(z.Mounts) > 0)
	add("servers", "internet", 0, outside, len(z.NAT) > 0)
	return all
}
