package budget

import (
	"errors"
	"fmt"
	"time"
)

// Declared is what a stack declares, and what AWS states for what cannot be declared.
type Declared struct {
	Health   Health
	Names    Names
	Database Database
	// FilesGrace is how long the application waits for shared files until its server isn't ready any more.
	FilesGrace time.Duration
}

// Health is the balancer's health check.
type Health struct {
	Interval  time.Duration // between the beginnings of two checks
	Timeout   time.Duration // of one check
	Unhealthy int           // failed checks in a row that take a target out
}

// Names are what clients learn by DNS.
type Names struct {
	Balancer time.Duration // time to live of the balancer's records
	Database time.Duration // and of the cluster endpoints'
	// NodeCheck is how long it takes until a dead balancer node's record is no longer given out.
	NodeCheck time.Duration
}

// Database is what the application's driver and the cluster do.
type Database struct {
	Promotion      time.Duration // from the loss of the writer's process to a reader that accepts writes
	Detection      time.Duration // what a writer that is silent, and not dead, takes longer to be noticed
	Restart        time.Duration // from the request to restart the writer in place to a writer that accepts connections
	ConnectTimeout time.Duration // of one attempt of the driver
	StatementLimit time.Duration // after which a statement on a dead connection is given up
	RetryPause     time.Duration // the longest between two attempts
}

// Validate tells everything that is missing or cannot be: a budget made from a zero would promise too much.
func (d Declared) Validate() error {
	var problems []error
	for _, given := range []struct {
		name  string
		value time.Duration
	}{
		{"the health check's interval", d.Health.Interval}, {"the health check's timeout", d.Health.Timeout},
		{"the time to live of the balancer's name", d.Names.Balancer}, {"the time to live of the database's names", d.Names.Database},
		{"the time until a dead node's record is taken out", d.Names.NodeCheck}, {"the time of a promotion", d.Database.Promotion},
		{"the time to notice a silent writer", d.Database.Detection}, {"the time of a restart", d.Database.Restart}, {"the driver's connect timeout", d.Database.ConnectTimeout},
		{"the driver's statement limit", d.Database.StatementLimit}, {"the driver's pause", d.Database.RetryPause},
		{"the grace of shared files", d.FilesGrace},
	} {
		if given.value <= 0 {
			problems = append(problems, fmt.Errorf("%s is %s; it has to be more than nothing", given.name, given.value))
		}
	}
	if d.Health.Unhealthy < 2 || d.Health.Unhealthy > 10 {
		problems = append(problems, fmt.Errorf("the unhealthy threshold is %d; AWS has 2 to 10", d.Health.Unhealthy))
	}
	if d.Health.Timeout >= d.Health.Interval && d.Health.Interval > 0 {
		problems = append(problems, fmt.Errorf("the health check's timeout (%s) is not below its interval (%s), so a hanging target is checked more rarely than declared", d.Health.Timeout, d.Health.Interval))
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("computing detection budgets: %w", err)
	}
	return nil
}

// The documents that terms follow.
const (
	healthDocument   = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"
	balancerDocument = "https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html"
	failoverDocument = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html"
	restartDocument  = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_RebootCluster.html"
	filesDocument    = "https://docs.aws.amazon.com/efs/latest/ug/how-it-works.html"
	endpointDocument = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.BestPractices.FastFailover.html"
)

// ejection is how long a target that fails gets requests still. The fault may come just after a check: one interval
// until the first that fails, then the rest of the threshold; the last of a silent target's checks fails at its timeout.
func (d Declared) ejection(silent bool) []Term {
	terms := []Term{
		{"first failed check", d.Health.Interval, "the fault may come just after a check", healthDocument},
		{"rest of the threshold", time.Duration(d.Health.Unhealthy-1) * d.Health.Interval, "checks in a row must fail", healthDocument},
	}
	if silent {
		terms = append(terms, Term{"last check's timeout", d.Health.Timeout, "a target that is silent fails its check only when that times out", healthDocument})
	}
	return terms
}

// mountLost is how long a server without shared files gets requests still: they may only be slow, as they would be for every server.
func (d Declared) mountLost() []Term {
	return append([]Term{
		{"first check that waits", d.Health.Interval, "the fault may come just after a check", healthDocument},
		{"grace of shared files", d.FilesGrace, "files that are slow take no server out; the application's own", ""},
	}, d.ejection(true)...)
}

// otherNode is how long a client that believes its resolver may go to a dead node.
func (d Declared) otherNode() []Term {
	return []Term{
		{"node's record taken out", d.Names.NodeCheck, "the balancer's name has to stop leading there", balancerDocument},
		{"name's time to live", d.Names.Balancer, "resolvers may keep the address so long", balancerDocument},
	}
}

// promotion is how long nobody can write.
func (d Declared) promotion(detection time.Duration) []Term {
	var terms []Term
	if detection > 0 {
		terms = append(terms, Term{"silence noticed", detection, "a writer that hangs refuses nothing", failoverDocument})
	}
	return append(append(terms, Term{"promotion", d.Database.Promotion, "a reader becomes the writer", failoverDocument}), d.reconnection()...)
}

// restart is how long nobody can write while the writer restarts in its place.
func (d Declared) restart() []Term {
	return append([]Term{{"restart", d.Database.Restart, "the same member comes back as the writer", restartDocument}}, d.reconnection()...)
}

// copyLost is how long one operation on a file may wait. Files are kept redundantly in several zones, so none fails; what is
// under way may have to be done once more without the lost copy, and takes less than what a health check would notice.
func (d Declared) copyLost() []Term {
	return []Term{{"operation under way", d.Health.Timeout, "it may go to the lost copy first", filesDocument}}
}

// reconnection is how long the application takes to be with the right member.
func (d Declared) reconnection() []Term {
	return []Term{
		{"statement given up", d.Database.StatementLimit, "a connection to a dead server may say nothing", endpointDocument},
		{"name's time to live", d.Names.Database, "the endpoint may lead to the old member so long", endpointDocument},
		{"connection attempt", d.Database.ConnectTimeout, "one attempt may go to a member that is not there", endpointDocument},
		{"pause between attempts", d.Database.RetryPause, "the driver's own", ""},
	}
}

// zone is the slowest of what happens at once when a zone is lost: its servers, the way in, and the writer if it was there.
func (d Declared) zone() (slowest []Term) {
	var longest time.Duration
	for _, terms := range [][]Term{d.ejection(true), d.otherNode(), d.promotion(d.Database.Detection)} {
		if total := (Budget{Terms: terms}).Total(); total > longest {
			slowest, longest = terms, total
		}
	}
	return slowest
}
