// Package failover runs the drills as Go tests, one subtest for each scenario, against an environment that is up: the lab's with
// HAVEN_FAILOVER=lab, or another stack's by its name. HAVEN_FAILOVER_ONLY chooses scenarios, as `haven drill run --only` does, and
// HAVEN_FAILOVER_DRY=1 only lists them. Stages are skipped as with Terratest: SKIP_reachable=1, SKIP_drills=1, SKIP_whole=1.
//
// The scenarios, the judgement and the report are those of `haven drill`. Terratest looks beside them: whether the site answers at
// first, and whether servers and database are there at last, by clients that share no code with the drills.
package failover
