package scenario

import (
	"time"

	"haven/drill/budget"
	"haven/drill/history"
	"haven/drill/workload"
)

// ledger are the operations that need the database's writer.
var ledger = []history.Kind{history.Append, history.List}

// noWriter is the share of the ledger's operations that may fail around a failover: from the injection until full strength there is no
// writer for part of the time, and what was asked for then fails when it takes longer than a request may.
const noWriter = 0.5

func database() []Scenario {
	return append(writers(), []Scenario{
		{
			Name: "failover/database/reader-lost", Does: "a reader's host is lost; writes go on once they wait for another copy than its own",
			Promises: []string{"HA-06"}, LabOnly: onlyLab, Times: 5, Hold: 3 * time.Second, Budget: budget.ReaderLost, Kinds: ledger, Errors: 0.1, Whole: 2 * time.Minute,
			Fault: breaks("crash", nil, 3*time.Second, aReader),
		},
		{
			Name: "failover/database/replica-lag", Does: "a reader falls behind: its alarm is raised and every steward is told, and nobody else notices",
			Promises: []string{"HA-06", "OPS-03", "OPS-04"}, LabOnly: noLag, Budget: budget.ReaderLost, Kinds: ledger, Whole: 2 * time.Minute,
			Needs: lagNeeds, Fault: lags, Judge: lagTold,
		},
		{
			Name: "failover/database/connection-storm", Does: "the database fails over while many clients ask at once; all of them come back at once",
			Promises: []string{"HA-06", "HA-11"}, Times: 2, Budget: budget.ForcedFailover, Kinds: ledger, Errors: noWriter, Whole: 2 * time.Minute,
			Rates: workload.Rates{history.Look: 10, history.Append: 20, history.Put: 1, history.Get: 2, history.List: 0.05},
			Needs: []string{"rds:DescribeDBClusters", "rds:FailoverDBCluster"}, Fault: failedOver, Judge: looksUndisturbed,
		},
		{
			Name: "failover/database/password-rotated", Does: "the database's password is rotated; nobody notices, and after a failover everybody gets in with the new one",
			Promises: []string{"HA-06", "SEC-11"}, Hold: 10 * time.Second, Budget: budget.ForcedFailover, Kinds: ledger, Errors: noWriter, Whole: 2 * time.Minute,
			Needs: rotationNeeds, Fault: rotated, Judge: rotationUndisturbed,
		},
	}...)
}

// writers are the ways to lose a writer.
func writers() []Scenario {
	short := 3 * time.Second
	return []Scenario{
		{
			Name: "failover/database/forced-failover", Does: "the database is told to fail over; a reader becomes the writer and the old writer a reader",
			Promises: []string{"HA-06", "HA-11"}, Times: 5, Budget: budget.ForcedFailover, Kinds: ledger, Errors: noWriter, Whole: 2 * time.Minute,
			Needs: []string{"rds:DescribeDBClusters", "rds:FailoverDBCluster"}, Fault: failedOver,
		},
		{
			Name: "failover/database/writer-rebooted", Does: "the writer is restarted; it comes back as the writer",
			Promises: []string{"HA-06", "HA-11"}, Times: 3, Budget: budget.WriterRebooted, Kinds: ledger, Errors: noWriter, Whole: 2 * time.Minute,
			Needs: []string{"rds:DescribeDBClusters", "rds:DescribeDBInstances", "rds:RebootDBInstance"}, Fault: rebooted,
		},
		{
			Name: "failover/database/writer-killed", Does: "the writer's host is lost; a reader becomes the writer",
			Promises: []string{"HA-06", "HA-11"}, LabOnly: onlyLab, Times: 5, Hold: short, Budget: budget.WriterKilled, Kinds: ledger, Errors: noWriter, Whole: 2 * time.Minute,
			Fault: losesWriter("crash", short),
		},
		{
			Name: "failover/database/writer-hangs", Does: "the writer hangs: it takes connections and answers nothing; a reader becomes the writer, and the old one wakes up before its clients have given it up",
			// It holds no longer than until there is another writer: a moment later clients' pools have let go of their connections, and
			// nobody would see that the old writer takes what they send.
			Promises: []string{"HA-06", "HA-11"}, LabOnly: onlyLab, Times: 3, Budget: budget.WriterHangs, Kinds: ledger, Errors: noWriter, Whole: 2 * time.Minute,
			Fault: losesWriter("hang", 0),
		},
		{
			Name: "failover/database/old-writer-returns", Does: "the writer is cut off with its clients' connections, another takes its place, and it comes back",
			Promises: []string{"HA-06", "HA-07"}, LabOnly: onlyLab, Times: 3, Hold: 5 * time.Second, Budget: budget.WriterHangs, Kinds: ledger, Errors: noWriter, Whole: 2 * time.Minute,
			Fault: losesWriter("blackhole", 5*time.Second), Judge: returnUndisturbed,
		},
		{
			Name: "failover/database/writer-zone-lost", Does: "the writer's zone loses its power and gets it back",
			Promises: []string{"HA-03", "HA-06", "HA-07"}, LabOnly: onlyLab, Hold: 10 * time.Second, Budget: budget.ZoneLost, Kinds: ledger, Errors: 0.6, Whole: 4 * time.Minute,
			Fault: losesWriterZone(10 * time.Second),
		},
	}
}
