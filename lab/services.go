package lab

import (
	"context"
	"path/filepath"

	"haven/lab/cloud"
	"haven/lab/faults"
	"haven/lab/realm/dns"
	"haven/lab/services/acm"
	"haven/lab/services/arczonalshift"
	"haven/lab/services/autoscaling"
	"haven/lab/services/cloudwatch"
	"haven/lab/services/cloudwatchlogs"
	"haven/lab/services/ec2"
	"haven/lab/services/efs"
	"haven/lab/services/elasticloadbalancingv2"
	"haven/lab/services/fis"
	"haven/lab/services/iam"
	"haven/lab/services/kms"
	"haven/lab/services/networkfirewall"
	"haven/lab/services/rds"
	"haven/lab/services/route53"
	"haven/lab/services/s3"
	"haven/lab/services/secretsmanager"
	"haven/lab/services/sns"
	"haven/lab/services/ssm"
	"haven/lab/services/sts"
	"haven/lab/services/wafv2"
	"haven/lab/timeline"
)

// services are the region's services, each over the one store.
type services struct {
	acm         *acm.Service
	shifts      *arczonalshift.Service
	autoscaling *autoscaling.Service
	databases   *rds.Service
	balancers   *elasticloadbalancingv2.Service
	ec2         *ec2.Service
	experiments *fis.Service
	faults      *faults.Service
	files       *efs.Service
	firewalls   *networkfirewall.Service
	iam         *iam.Service
	keys        *kms.Service
	logs        *cloudwatchlogs.Service
	metrics     *cloudwatch.Service
	objects     *s3.Service
	parameters  *ssm.Service
	secrets     *secretsmanager.Service
	sts         *sts.Service
	topics      *sns.Service
	waf         *wafv2.Service
	zones       *route53.Service
}

// newServices makes the services in the order in which they need each other, and hands them the realm.
func newServices(l *lab) (s *services, err error) {
	s = &services{keys: kms.New(l.store), secrets: secretsmanager.New(l.store), zones: route53.New(l.store, l.log), waf: wafv2.New(l.store)}
	if s.metrics, err = cloudwatch.New(l.store, filepath.Join(l.config.Dir, metricsFile), l.log); err != nil {
		return nil, err
	}
	s.topics = newTopics(l, s.metrics)
	s.iam = iam.New(l.store, kms.ResolveARN)
	s.sts = sts.New(s.iam)
	s.logs = cloudwatchlogs.New(l.store, filepath.Join(l.config.Dir, "logs"), kms.ResolveARN, l.log)
	s.logs.Use(s.metrics)
	s.parameters = ssm.New(l.store, ec2.PublicImageParameters())
	if s.objects, err = s3.New(l.store, filepath.Join(l.config.Dir, "objects"), l.log); err != nil {
		return nil, err
	}
	s.ec2 = ec2.New(l.store, ec2.WithLog(l.log), ec2.WithProfiles(s.iam), ec2.WithParameters(s.parameters), ec2.WithLogs(s.logs))
	s.ec2.Use(ec2.WithMetrics(s.metrics), ec2.WithTimeline(l.timeline.Add))
	s.parameters.Use(ssm.WithNodes(s.ec2), ssm.WithPermissions(s.iam), ssm.WithOutputs(s.objects, s.logs), ssm.WithLog(l.log))
	s.firewalls = networkfirewall.New(l.store, s.ec2, s.logs, l.log)
	s.ec2.Use(ec2.WithFirewalls(s.firewalls, networkfirewall.Tables()...))
	s.acm = acm.New(l.store, l.authority)
	s.databases = rds.New(l.store, s.ec2, s.secrets, rds.WithLog(l.log), rds.WithMetrics(s.metrics), rds.WithTimeline(l.timeline.Add),
		rds.WithPublisher(s.topics))
	s.files = efs.New(l.store, s.ec2, efs.WithLog(l.log), efs.WithIdentities(s.iam))
	dependencies := elasticloadbalancingv2.Dependencies{Network: s.ec2, Certificates: s.acm, Bucket: s.objects, Metrics: s.metrics, Timeline: l.timeline.Add, Log: l.log}
	if l.realm != nil {
		dependencies.Realm = l.realm.balancers
		s.onRealm(l.realm, l.names)
	}
	s.balancers = elasticloadbalancingv2.New(l.store, dependencies)
	s.shifts = arczonalshift.New(l.store, s.balancers, l.log)
	s.shifts.Event = func(region, zone, resource, text string) {
		l.timeline.Add(timeline.Event{Region: region, Zone: zone, Source: "arczonalshift", Subject: resource, Text: text})
	}
	s.balancers.Follow(s.shifts)
	s.autoscaling = autoscaling.New(l.store, s.ec2, s.balancers, l.log,
		autoscaling.WithAlarms(s.metrics), autoscaling.WithMetrics(s.metrics), autoscaling.WithTimeline(l.timeline.Add),
		autoscaling.WithNotifier(s.topics))
	s.ec2.Use(ec2.WithGroups(s.autoscaling))
	s.metrics.OnAction("autoscaling", s.scale)
	s.acm.Records, s.acm.Users = s.zones, s.balancers
	s.experiments = newExperiments(l, s)
	s.faults = newFaults(l, s)
	s.ec2.Use(ec2.WithFaults(s.faults, faults.Table))
	s.decide()
	s.joinStores(l)
	s.metrics.OnChange(func(c cloudwatch.Change) { l.timeline.Add(alarmEvent(c)) })
	s.joinAlarms()
	if l.realm != nil {
		l.realm.events.databases, l.realm.events.balancers, l.realm.events.ec2 = s.databases, s.balancers, s.ec2
	}
	return s, nil
}

// scale has a scaling policy carried out for an alarm.
func (s *services) scale(ctx context.Context, a cloudwatch.Action) error {
	return s.autoscaling.ExecuteAlarm(ctx, a.Region, a.ActionARN, autoscaling.Breach{
		AlarmName: a.AlarmName, AlarmARN: a.AlarmARN, Old: string(a.Old), New: string(a.New), Value: a.Value, Values: a.Breaching, Threshold: a.Threshold, At: a.At,
	})
}

func (s *services) onRealm(r *realm, names namesTable) {
	s.ec2.Use(ec2.WithNetworks(r.network), ec2.WithMachines(r.machines))
	s.databases.Use(rds.WithServers(r.databases, r.network.Namespace), rds.WithLogs(s.logs.Sink()))
	s.files.Use(efs.WithMirrors(r.mirrors, r.network.Namespace))
	s.zones.Probe(r.network.Internet(), names)
}

// byName are the services under the names of their packages in the SDK.
func (s *services) byName() map[string]any {
	return map[string]any{
		"acm": s.acm, "arczonalshift": s.shifts, "autoscaling": s.autoscaling, "cloudwatch": s.metrics, "cloudwatchlogs": s.logs, "ec2": s.ec2, "efs": s.files, "elasticloadbalancingv2": s.balancers,
		"fis": s.experiments, "iam": s.iam, "kms": s.keys, "networkfirewall": s.firewalls, "rds": s.databases, "route53": s.zones, "s3": s.objects,
		"secretsmanager": s.secrets, "sns": s.topics, "ssm": s.parameters, "sts": s.sts, "wafv2": s.waf,
	}
}

// loops are the reconcilers, by the names that the log calls them.
func (l *lab) loops() map[string]func(context.Context) error {
	loops := map[string]func(context.Context) error{
		"ec2": l.services.ec2.Run, "elasticloadbalancingv2": l.services.balancers.Run, "autoscaling": l.services.autoscaling.Run,
		"rds": l.services.databases.Run, "efs": l.services.files.Run, "cloudwatch": l.services.metrics.Run, "cloudwatchlogs": l.services.logs.Run,
		"observer": l.observer.Run,
		"route53":  l.services.zones.Run,
		"ssm":      l.services.parameters.Run,
	}
	loops["sns"] = l.services.topics.Run
	loops["arczonalshift"] = l.services.shifts.Run
	loops["faults"], loops["fis"] = l.services.faults.Run, l.services.experiments.Run
	if l.realm != nil {
		loops["names"], loops["forwards"] = l.keepNames, l.forwards.run
		loops["networkfirewall"] = func(ctx context.Context) error {
			l.services.firewalls.Measure(ctx, l.realm.network, l.services.metrics)
			return nil
		}
	}
	return loops
}

// namers are the services whose resources have names.
func (s *services) namers() []func(*cloud.Tx) ([]dns.Record, error) {
	return []func(*cloud.Tx) ([]dns.Record, error){s.ec2.Names, s.balancers.Names, s.databases.Names, s.files.Names, s.zones.Names}
}
