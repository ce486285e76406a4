package environment

import (
	"haven/lab/control"
	"haven/lab/overview"
	"haven/lab/timeline"
	"haven/lab/traffic"
)

// Lab is what only the lab tells of the environment.
type Lab struct {
	Verdict    overview.Verdict    `json:"verdict"`
	Traffic    traffic.Sample      `json:"traffic"` // per second, over the last seconds
	Alarms     []overview.Alarm    `json:"alarms"`
	Faults     []overview.Fault    `json:"faults"` // in force
	Activities []overview.Activity `json:"activities"`
	Events     []timeline.Event    `json:"events"` // the newest, oldest first
}

// Add adds what the lab sees: how far readers are behind, faults, alarms, traffic and what happened last.
func (e *Environment) Add(sight control.Sight) {
	p := sight.Picture
	e.Lab = &Lab{Verdict: p.Verdict, Traffic: p.Traffic, Alarms: p.Alarms, Faults: p.Faults, Activities: p.Activities, Events: sight.Events}
	for _, zone := range p.Zones {
		for _, seen := range zone.Database {
			for i := range e.Database.Members {
				if e.Database.Members[i].ID == seen.ID {
					e.Database.Members[i].Lag = seen.Lag
				}
			}
		}
	}
}
