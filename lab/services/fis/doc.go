// Package fis is the lab's Fault Injection Service: experiment templates, and experiments that really do to the region's
// instances, networks and databases what their actions say.
//
// What an action is about to change is written down before it changes it, so an experiment goes on after the lab was
// killed, and whatever ends it (its time, StopExperiment, an alarm, the safety lever, a failed action) puts back what it
// changed. An action does only what the experiment's role may: the role must trust fis.amazonaws.com, and each call is
// asked of its policies with the resource it is about, the tags on it and those that it would get.
//
// The actions are those of the list in catalog.go. Another one of AWS's is refused by name when a template is made, not
// when a drill needs it. So are experiments in several accounts, and reports.
package fis
