package ec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"

	"haven/lab/metric"
	"haven/lab/realm/machine"
)

// Each state of an instance, met with each phase of its machine, comes to one thing.
func TestJudge(t *testing.T) {
	running := machine.Observation{Phase: machine.PhaseRunning}
	stopped := machine.Observation{Phase: machine.PhaseStopped}
	crashed := machine.Observation{Phase: machine.PhaseCrashed}
	off := machine.Observation{Phase: machine.PhaseOff}
	well := machine.Observation{Phase: machine.PhaseRunning, Health: machine.HealthOK}
	hung := machine.Observation{Phase: machine.PhaseRunning, Health: machine.HealthFailed}
	nothing := machine.Observation{}
	for _, c := range []struct {
		name     string
		row      instanceRow
		seen     machine.Observation
		effect   effect
		state    types.InstanceStateName // after
		impaired bool
		dark     bool
	}{
		{"launch", instanceRow{State: "pending"}, nothing, effectStart, "pending", false, false},
		{"launched", instanceRow{State: "pending"}, running, effectNone, "running", false, false},
		{"started again after a stop", instanceRow{State: "pending"}, stopped, effectStart, "pending", false, false},
		{"failed launch", instanceRow{State: "pending"}, crashed, effectStart, "pending", false, false},
		{"steady", instanceRow{State: "running"}, running, effectRefresh, "running", false, false},
		{"lab restarted", instanceRow{State: "running"}, nothing, effectStart, "running", false, false},
		{"crash", instanceRow{State: "running"}, crashed, effectNone, "running", true, false},
		{"crash seen before", instanceRow{State: "running", Impaired: true}, crashed, effectNone, "running", true, false},
		{"reboot heals", instanceRow{State: "running", Impaired: true, Reboot: true}, crashed, effectStart, "running", true, false},
		{"not looked at since it booted", instanceRow{State: "running", Impaired: true}, running, effectRefresh, "running", true, false},
		{"healed", instanceRow{State: "running", Impaired: true}, well, effectRefresh, "running", false, false},
		{"hangs", instanceRow{State: "running"}, hung, effectRefresh, "running", true, false},
		{"reboot", instanceRow{State: "running", Reboot: true}, running, effectReboot, "running", false, false},
		{"shutdown from inside", instanceRow{State: "running", ShutdownBehavior: "stop"}, stopped, effectNone, "stopped", false, false},
		{"shutdown from inside terminates", instanceRow{State: "running", ShutdownBehavior: "terminate"}, stopped, effectDelete, "shutting-down", false, false},
		{"stop", instanceRow{State: "stopping"}, running, effectStop, "stopping", false, false},
		{"stopped", instanceRow{State: "stopping"}, stopped, effectNone, "stopped", false, false},
		{"stopped by the lab's own end", instanceRow{State: "stopping"}, nothing, effectNone, "stopped", false, false},
		{"rests", instanceRow{State: "stopped"}, nothing, effectNone, "stopped", false, false},
		{"must not run", instanceRow{State: "stopped"}, running, effectStop, "stopped", false, false},
		{"end", instanceRow{State: "shutting-down"}, running, effectDelete, "shutting-down", false, false},
		{"end of what is gone", instanceRow{State: "shutting-down"}, nothing, effectDelete, "shutting-down", false, false},
		{"dead", instanceRow{State: "terminated"}, nothing, effectNone, "terminated", false, false},
		{"power lost", instanceRow{State: "running"}, well, effectPowerOff, "running", true, true},
		{"without power", instanceRow{State: "running", Impaired: true}, off, effectNone, "running", true, true},
		{"power back", instanceRow{State: "running", Impaired: true}, off, effectStart, "running", true, false},
		{"launch without power", instanceRow{State: "pending"}, nothing, effectNone, "shutting-down", false, true},
		{"start without power", instanceRow{State: "pending", Restarted: true}, stopped, effectNone, "stopped", false, true},
		{"boots without power", instanceRow{State: "pending"}, running, effectPowerOff, "shutting-down", false, true},
		{"stopping loses power", instanceRow{State: "stopping"}, running, effectPowerOff, "stopping", false, true},
		{"stopped without power", instanceRow{State: "stopping"}, off, effectNone, "stopped", false, true},
		{"end without power", instanceRow{State: "shutting-down"}, off, effectDelete, "shutting-down", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := c.row
			result := judge(&row, c.seen, c.dark)
			if result.change != nil {
				result.change(&row)
			}
			assert.Equal(t, c.effect, result.effect)
			assert.Equal(t, c.state, row.State)
			assert.Equal(t, c.impaired, row.Impaired)
		})
	}
}

func TestAReadingIsWhatWasUsedBetween(t *testing.T) {
	at := time.Now()
	before := sample{at, machine.Usage{CPU: 10 * time.Second, BytesIn: 1000, BytesOut: 5, Volume: machine.VolumeUsage{WriteBytes: 100}}}
	now := sample{at.Add(time.Minute), machine.Usage{CPU: 70 * time.Second, BytesIn: 400, BytesOut: 25, Volume: machine.VolumeUsage{WriteBytes: 700}}}
	got := readingOf(before, now, 2)
	assert.InDelta(t, 50, got["CPUUtilization"], 1e-9, "one of two processors")
	assert.EqualValues(t, 400, got["NetworkIn"], "a counter that went back began anew")
	assert.EqualValues(t, 20, got["NetworkOut"])
	assert.EqualValues(t, 600, got["EBSWriteBytes"])
	now.used.CPU = 1000 * time.Second
	assert.EqualValues(t, 100, readingOf(before, now, 2)["CPUUtilization"], "never more than all")
	for name := range got {
		assert.NotEmpty(t, units[name], name)
	}
	assert.Len(t, got, len(units))
}

func TestDimensionsFollowMonitoring(t *testing.T) {
	row := &instanceRow{meta: meta{ID: "i-1", Tags: map[string]string{groupTag: "web"}}, Image: "ami-1", Type: "t3.small"}
	end := time.Date(2026, 1, 1, 0, 5, 0, 0, time.UTC)
	minutes := []reading{{"NetworkIn": 1}, {"NetworkIn": 2}}
	find := func(data []metric.Datum, dimensions ...metric.Dimension) (found []metric.Datum) {
		for _, d := range data {
			if d.Name == "NetworkIn" && assert.ObjectsAreEqual(dimensions, d.Dimensions) {
				found = append(found, d)
			}
		}
		return found
	}
	basic := row.usageData(minutes, end)
	own := find(basic, metric.Dimension{Name: "InstanceId", Value: "i-1"})
	assert.Len(t, own, 1)
	assert.Equal(t, []float64{1, 2}, own[0].Values)
	assert.Equal(t, end.Add(-5*time.Minute), own[0].Time)
	assert.Len(t, find(basic, metric.Dimension{Name: "AutoScalingGroupName", Value: "web"}), 1)
	assert.Empty(t, find(basic, metric.Dimension{Name: "InstanceType", Value: "t3.small"}))
	row.Monitoring = true
	detailed := row.usageData(minutes, end)
	assert.Equal(t, end.Add(-time.Minute), find(detailed, metric.Dimension{Name: "InstanceId", Value: "i-1"})[0].Time)
	assert.Len(t, find(detailed, metric.Dimension{Name: "InstanceType", Value: "t3.small"}), 1)
}
