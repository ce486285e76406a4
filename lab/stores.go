package lab

import (
	"haven/lab/services/efs"
	"haven/lab/services/kms"
	"haven/lab/services/s3"
	"haven/lab/services/secretsmanager"
	"haven/lab/services/sns"
)

// decide lets the owners of resources take part in decisions, and ask for their callers.
func (s *services) decide() {
	s.iam.Doors, s.iam.Ciphertexts = s.ec2, kms.ARNOf
	s.iam.Guard("s3", s3.Guard)
	s.iam.Guard("kms", kms.Guard)
	s.iam.Guard("secretsmanager", secretsmanager.Guard)
	s.iam.Guard("sns", sns.Guard)
	s.objects.Permissions, s.secrets.Permissions = s.iam, s.iam
}

// joinStores gives names and file systems who keeps what they measure and tell.
func (s *services) joinStores(l *lab) {
	s.zones.Balancers, s.zones.Alarms, s.zones.Metrics, s.zones.Tell = s.balancers, s.metrics, s.metrics, l.timeline.Add
	s.files.Use(efs.WithMetrics(s.metrics), efs.WithTimeline(l.timeline.Add))
}
