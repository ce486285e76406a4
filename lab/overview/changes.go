package overview

import "haven/lab/timeline"

// Changes tells what differs between two pictures of a region, as events of the later one's time.
func Changes(before, after Picture) (events []timeline.Event) {
	was, is := situations(before), situations(after)
	for _, now := range is {
		then, known := find(was, now)
		event := now.event(after.Region)
		switch {
		case !known:
			event.Text = "new: " + now.said
		case then.said != now.said:
			event.Text = now.said
			if now.health == Well && then.health == Failing {
				event.Severity = timeline.Good
			}
		default:
			continue
		}
		events = append(events, event)
	}
	for _, then := range was {
		if _, still := find(is, then); !still {
			event := then.event(after.Region)
			event.Text, event.Severity = "gone", timeline.Info
			events = append(events, event)
		}
	}
	for i := range events {
		events[i].Time = after.Time
	}
	return events
}

// situation is how one thing is, in words.
type situation struct {
	source, kind, id, zone string
	health                 Health
	said                   string
}

func (s situation) event(region string) timeline.Event {
	severity := timeline.Info
	if s.health == Failing {
		severity = timeline.Warning
	}
	if s.health == Failing && s.kind == "cluster" {
		severity = timeline.Critical
	}
	return timeline.Event{Region: region, Zone: s.zone, Source: s.source, Subject: s.id, Severity: severity}
}

func find(all []situation, wanted situation) (situation, bool) {
	for _, one := range all {
		if one.kind == wanted.kind && one.id == wanted.id && one.zone == wanted.zone {
			return one, true
		}
	}
	return situation{}, false
}

func situations(p Picture) (all []situation) {
	add := func(source, kind, zone string, t Thing, said string) {
		all = append(all, situation{source, kind, t.ID, zone, t.Health, said})
	}
	for _, z := range p.Zones {
		for _, x := range z.Firewall {
			add("networkfirewall", "endpoint", z.Name, x.Thing, x.plainly())
		}
		for _, x := range z.NAT {
			add("ec2", "nat", z.Name, x.Thing, x.plainly())
		}
		for _, x := range z.Balancer {
			x.ID = x.Group // which node the zone tells; the balancer's own events are about it, too
			add("elasticloadbalancingv2", "node", z.Name, x.Thing, x.plainly())
		}
		for _, x := range z.Servers {
			add("ec2", "instance", z.Name, x.Thing, x.says())
		}
		for _, x := range z.Database {
			add("rds", "member", z.Name, x.Thing, x.Role+", "+x.plainly())
		}
		for _, x := range z.Mounts {
			add("efs", "mount", z.Name, x.Thing, x.plainly())
		}
		for _, x := range z.Copies {
			add("efs", "copy", z.Name, x.Thing, "its copy is "+x.State)
		}
	}
	for _, cluster := range p.Clusters {
		health := statusHealth(cluster.Status)
		all = append(all, situation{"rds", "cluster", cluster.Name, "", health, cluster.Status})
	}
	return all
}

// says is an instance in words: its state and, while it runs, what its targets say.
func (x Server) says() string {
	if x.Health == Failing || len(x.Targets) == 0 {
		return x.plainly()
	}
	return x.State + ", " + x.Targets[0].plainly()
}
