package machine

import (
	"strconv"
	"time"
)

// credits are what a machine of a burstable type may still use of its processors beyond its baseline: it earns them all
// the time and spends what it uses, and a standard one that has none left is held to its baseline
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-credits-baseline-concepts.html).
type credits struct {
	cpus, baseline float64       // baseline is the share of each processor that is earned; 0: the type has no credits
	left           time.Duration // of one processor
	used           time.Duration // since the boot, at the last look
	at             time.Time
}

const (
	creditLife  = 24 * time.Hour // of an earned credit: no more than a day's earnings are kept
	burstsAgain = time.Second    // of one processor, until what was held to its baseline is let go
)

// look takes in what was used until now, and returns how many processors the machine may use from now on.
func (c *credits) look(now time.Time, used time.Duration, held bool) (cpus float64) {
	earns := c.cpus * c.baseline
	c.left += time.Duration(float64(now.Sub(c.at))*earns) - (used - c.used)
	c.left = max(0, min(c.left, time.Duration(float64(creditLife)*earns)))
	c.used, c.at = used, now
	if c.left == 0 || held && c.left < burstsAgain {
		return earns
	}
	return c.cpus
}

// followCredits takes in what the machine has used, and holds a standard one to its baseline while it has no credits.
func (p *process) followCredits(spec Spec) {
	if spec.Baseline == 0 {
		return
	}
	used, err := p.group.read("cpuacct", "cpuacct.usage")
	if err != nil {
		return // the manager said once that the controller is missing
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.credits.at.IsZero() {
		p.credits = credits{cpus: spec.CPUs, baseline: spec.Baseline, at: time.Now()}
	}
	cpus := p.credits.look(time.Now(), time.Duration(used), p.held)
	if held := cpus < spec.CPUs; !spec.Unlimited && held != p.held {
		p.held = held
		_ = p.group.write("cpu", "cpu.cfs_quota_us", strconv.Itoa(int(cpus*cpuPeriod))) // the next look tries again
	}
}

// creditsLeft is the balance in credits: minutes of one processor.
func (p *process) creditsLeft() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.credits.left.Minutes()
}
