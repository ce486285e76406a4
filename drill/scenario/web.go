package scenario

import (
	"time"

	"haven/drill/budget"
	"haven/drill/target"
)

// Each of the stack's servers takes an equal share of requests; with the fewest that a stack may have, a third.
const shareOfServer = 1.0 / 3

func web() []Scenario {
	return []Scenario{
		{
			Name: "failover/web/kill", Does: "the application's process on a web server is killed; the server's own supervisor starts it again",
			Promises: []string{"HA-04"}, Times: 5, Budget: budget.ServerKilled, Whole: time.Minute,
			// Requests to the server fail for the second that systemd waits (RestartSec) and the application's start, of the
			// six seconds or more that an injection lasts with its look at the process.
			Errors: shareOfServer / 3,
			Needs:  target.CommandNeeds, Fault: killed,
		},
		{
			Name: "failover/web/hang", Does: "the application on a web server stands still: it takes connections and answers nothing; the balancer stops sending it requests, and the group may replace it",
			Promises: []string{"HA-04", "HA-11"}, Times: 3, Budget: budget.ServerHangs, Whole: 3 * time.Minute, Hold: 12 * time.Second,
			// Its requests hang until it is out of service (two checks, 13 s in the worst case), of the 25 s until the fault is undone.
			Errors: shareOfServer / 2,
			Needs:  target.CommandNeeds, Fault: hung, Judge: ejectedWhileHung,
		},
		{
			Name: "failover/web/terminate", Does: "a web server is terminated; it answers until the balancer has noticed, the others take its requests, and another is started in its place",
			Promises: []string{"HA-04", "HA-10"}, Times: 2, Budget: budget.ServerLost, Whole: 3 * time.Minute,
			// Nobody tells the balancer. But the operating system is asked to shut down, and so the application: it isn't ready any more,
			// and takes requests for as long as the balancer may need to notice.
			Errors: 0,
			Needs:  []string{"ec2:TerminateInstances"}, Fault: terminated, Judge: ejectedForGood,
		},
		{
			Name: "failover/web/zone-servers", Does: "all web servers of a zone are terminated at once; the other zones take their requests, and the group fills the zone again",
			Promises: []string{"HA-03", "HA-04", "HA-05", "HA-10"}, Budget: budget.ServerLost, Errors: 0, Whole: 3 * time.Minute,
			Needs: []string{"ec2:TerminateInstances"}, Fault: zoneTerminated, Judge: ejectedForGood,
		},
		{
			Name: "failover/web/disk-full", Does: "a web server's disk is full; it goes on to serve",
			Promises: []string{"HA-04"}, Hold: 10 * time.Second, Errors: 0, Whole: time.Minute, Judge: servedWhileActive,
			Needs: target.CommandNeeds, Fault: diskFull,
		},
		{
			Name: "failover/web/bad-deploy", Does: "a release whose servers never start is rolled out by an instance refresh; the group rolls it back and no request fails",
			Promises: []string{"HA-04", "HA-10"}, Errors: 0, Whole: time.Minute, Judge: sameServers,
			Needs: releaseNeeds, Fault: badlyReleased,
		},
	}
}
