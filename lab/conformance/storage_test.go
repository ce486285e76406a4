package conformance_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	efstypes "github.com/aws/aws-sdk-go-v2/service/efs/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
	"haven/lab/faults"
)

func s3Client(w *world.World) *s3.Client {
	return s3.NewFromConfig(w.Config, func(o *s3.Options) { o.UsePathStyle = true })
}

// store makes a bucket with the object "k".
func store(t *testing.T, w *world.World, name string) {
	t.Helper()
	_, err := s3Client(w).CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: &name})
	require.NoError(t, err)
	_, err = s3Client(w).PutObject(context.Background(), &s3.PutObjectInput{Bucket: &name, Key: aws.String("k"), Body: strings.NewReader("content")})
	require.NoError(t, err)
}

func setPolicy(t *testing.T, w *world.World, bucket, statement string) {
	t.Helper()
	_, err := s3Client(w).PutBucketPolicy(context.Background(), &s3.PutBucketPolicyInput{
		Bucket: &bucket, Policy: aws.String(`{"Version":"2012-10-17","Statement":[` + statement + `]}`),
	})
	require.NoError(t, err)
}

func TestAnInstanceReadsWhatItsRoleAndTheBucketAllow(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a")
	bucket := fmt.Sprintf("conformance-access-%d", n.Number)
	store(t, w, bucket)
	object := "arn:aws:s3:::" + bucket + "/*"
	with, without := fmt.Sprintf("reader-%d", n.Number), fmt.Sprintf("nothing-%d", n.Number)
	w.Profile(t, with, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"`+object+`"}]}`)
	w.Profile(t, without, "")
	reader, other := n.Instance(t, world.Instance{Zone: "a", Profile: with}), n.Instance(t, world.Instance{Zone: "a", Profile: without})
	read := func(from string) string { return w.ReadObject(t, from, "", bucket, "k") }

	require.Equal(t, "ok", read(reader))
	require.Equal(t, "AccessDenied", read(other), "a role without the right")
	require.Equal(t, "AccessDenied", w.ReadObject(t, reader, "", bucket, "none"), "who may not list does not learn what is not there")

	setPolicy(t, w, bucket, `{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::`+world.Account+`:role/`+with+`"},"Action":"s3:GetObject","Resource":"`+object+`"}`)
	require.Equal(t, "AccessDenied", read(reader), "an explicit deny of the bucket goes before the role's allow")

	setPolicy(t, w, bucket, `{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"`+object+`","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`)
	require.Equal(t, "ok", read(reader), "over TLS")
	require.Equal(t, "AccessDenied", w.ReadObject(t, reader, "http://s3."+world.Region+".amazonaws.com", bucket, "k"), "over plain HTTP")

	_, err := s3Client(w).PutBucketPolicy(context.Background(), &s3.PutBucketPolicyInput{
		Bucket: &bucket, Policy: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"` + object + `"}]}`),
	})
	require.ErrorContains(t, err, "BlockPublicPolicy")
	url := "https://" + bucket + ".s3." + world.Region + ".amazonaws.com/k"
	require.Equal(t, "403", fetch(t, w, other, url), "nobody has signed")
	_, err = s3Client(w).DeletePublicAccessBlock(context.Background(), &s3.DeletePublicAccessBlockInput{Bucket: &bucket})
	require.NoError(t, err)
	setPolicy(t, w, bucket, `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"`+object+`"}`)
	require.Equal(t, "200", fetch(t, w, other, url), "what is declared public is")
	_, err = s3Client(w).PutPublicAccessBlock(context.Background(), &s3.PutPublicAccessBlockInput{
		Bucket: &bucket, PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{RestrictPublicBuckets: aws.Bool(true)},
	})
	require.NoError(t, err)
	require.Equal(t, "403", fetch(t, w, other, url), "and is not when public access is blocked")
}

func TestAnObjectsKeyAndTheEndpointsPolicyAreAskedToo(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	ctx := context.Background()
	n := w.Network(t)
	bucket := fmt.Sprintf("conformance-key-%d", n.Number)
	store(t, w, bucket)
	key, err := kms.NewFromConfig(w.Config).CreateKey(ctx, &kms.CreateKeyInput{})
	require.NoError(t, err)
	_, err = s3Client(w).PutObject(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: aws.String("sealed"), Body: strings.NewReader("x"), ServerSideEncryption: s3types.ServerSideEncryptionAwsKms, SSEKMSKeyId: key.KeyMetadata.Arn,
	})
	require.NoError(t, err)
	const allowed = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
	role := fmt.Sprintf("sealed-%d", n.Number)
	w.Profile(t, role, allowed)
	table := n.RouteTable(t)
	endpoint, err := w.EC2.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: &n.ID, VpcEndpointType: ec2types.VpcEndpointTypeGateway, ServiceName: aws.String("com.amazonaws." + world.Region + ".s3"), RouteTableIds: []string{table},
	})
	require.NoError(t, err)
	server := n.Instance(t, world.Instance{Subnet: n.Subnet(t, "a", 1, table), Private: true, Profile: role})
	awaitStatus(t, w, server, "https://s3."+world.Region+".amazonaws.com/", "403")
	require.Equal(t, "ok", w.ReadObject(t, server, "", bucket, "k"))
	require.Equal(t, "AccessDenied", w.ReadObject(t, server, "", bucket, "sealed"), "the role may read objects, but not use their key")

	id := *endpoint.VpcEndpoint.VpcEndpointId
	setPolicy(t, w, bucket, `{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::`+bucket+`/*","Condition":{"StringEquals":{"aws:SourceVpce":"`+id+`"}}}`)
	require.Equal(t, "AccessDenied", w.ReadObject(t, server, "", bucket, "k"), "through the endpoint that the policy denies")
	setPolicy(t, w, bucket, `{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::`+bucket+`/*","Condition":{"StringNotEquals":{"aws:SourceVpce":"`+id+`"}}}`)
	require.Equal(t, "ok", w.ReadObject(t, server, "", bucket, "k"))
	_, err = s3Client(w).GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("k")})
	require.ErrorContains(t, err, "AccessDenied", "the operator does not come through it")
	_, err = w.EC2.ModifyVpcEndpoint(ctx, &ec2.ModifyVpcEndpointInput{VpcEndpointId: &id, PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*"}]}`)})
	require.NoError(t, err)
	require.Equal(t, "AccessDenied", w.ReadObject(t, server, "", bucket, "k"), "the endpoint lets through other buckets only")
}

// fileSystem makes a file system with a mount target in each of the network's zones.
func fileSystem(t *testing.T, w *world.World, n *world.Network, groups ...string) string {
	t.Helper()
	ctx, client := context.Background(), efs.NewFromConfig(w.Config)
	made, err := client.CreateFileSystem(ctx, &efs.CreateFileSystemInput{CreationToken: aws.String(n.ID), Encrypted: aws.Bool(true)})
	require.NoError(t, err)
	id := *made.FileSystemId
	world.Wait(t, "the file system", time.Minute, func() error {
		out, err := client.DescribeFileSystems(ctx, &efs.DescribeFileSystemsInput{FileSystemId: &id})
		if err == nil && out.FileSystems[0].LifeCycleState != efstypes.LifeCycleStateAvailable {
			err = fmt.Errorf("it is %s", out.FileSystems[0].LifeCycleState)
		}
		return err
	})
	for _, subnet := range n.Subnets {
		_, err := client.CreateMountTarget(ctx, &efs.CreateMountTargetInput{FileSystemId: &id, SubnetId: &subnet, SecurityGroups: groups})
		require.NoError(t, err)
	}
	world.Wait(t, "the mount targets", time.Minute, func() error {
		out, err := client.DescribeMountTargets(ctx, &efs.DescribeMountTargetsInput{FileSystemId: &id})
		if err != nil {
			return err
		}
		for _, target := range out.MountTargets {
			if target.LifeCycleState != efstypes.LifeCycleStateAvailable {
				return fmt.Errorf("%s is %s", *target.MountTargetId, target.LifeCycleState)
			}
		}
		return nil
	})
	return id
}

func mount(t *testing.T, w *world.World, instance, system string) {
	t.Helper()
	world.Wait(t, instance+" to mount "+system, time.Minute, func() error {
		if output, exit := w.Shell(t, instance, "mkdir -p /mnt/shared && { mountpoint -q /mnt/shared || mount -t efs -o tls "+system+":/ /mnt/shared; }"); exit != 0 {
			return fmt.Errorf("%s", output)
		}
		return nil
	})
}

func TestALostCopyIsServedAroundHealedAndVerified(t *testing.T) {
	w := world.OpenAlone(t) // a lost disk is lost to every file system of the zone
	n := w.Network(t, "a", "b")
	system := fileSystem(t, w, n, n.Open)
	writer, reader := n.Instance(t, world.Instance{Zone: "a"}), n.Instance(t, world.Instance{Zone: "b"})
	mount(t, w, writer, system)
	mount(t, w, reader, system)
	// Each file is acknowledged when its close has returned: then its checksum is noted outside of the file system.
	w.MustShell(t, writer, `cat > /root/write.sh <<'EOF'
n=0
while [ ! -e /root/enough ]; do
  n=$((n+1))
  head -c 100000 /dev/urandom > /root/source && sum=$(sha256sum < /root/source | cut -d' ' -f1)
  if cat /root/source > /mnt/shared/f$n; then echo "$sum  /mnt/shared/f$n" >> /root/acknowledged; else echo "f$n" >> /root/failed; fi
  sleep 0.05
done
EOF
printf '[Service]\nExecStart=/bin/sh /root/write.sh\n' > /etc/systemd/system/write.service
systemctl daemon-reload && systemctl start write.service`)
	acknowledged := func() string { return w.MustShell(t, writer, "cat /root/acknowledged 2>/dev/null | wc -l") }
	progress := func(what string) {
		t.Helper()
		before := acknowledged()
		world.Wait(t, "files to be written "+what, time.Minute, func() error {
			if now := acknowledged(); now == before {
				return fmt.Errorf("%s files were acknowledged", now)
			}
			return nil
		})
	}
	progress("before")
	for _, zone := range []string{"b", "a"} { // the second one has to live on what was healed
		fault, err := w.Control.Break(context.Background(), faults.Request{Kind: faults.Disk, Target: world.Zone(zone)})
		require.NoError(t, err)
		progress("without the copy in " + zone)
		_, err = w.Control.Heal(context.Background(), fault.ID)
		require.NoError(t, err)
		awaitWhole(t, w, zone)
		progress("with all copies")
	}
	w.MustShell(t, writer, "touch /root/enough; sleep 0.5")
	w.MustShell(t, writer, "test ! -e /root/failed")
	list := w.MustShell(t, writer, "cat /root/acknowledged")
	output, exit := w.Shell(t, reader, "cat > /root/sums <<'EOF'\n"+list+"\nEOF\nsha256sum -c --quiet /root/sums")
	require.Zero(t, exit, "files that were acknowledged are not as they were written: %s", output)
}

// awaitWhole waits until the timeline tells that a zone's copy is back, which is after it was scrubbed.
func awaitWhole(t *testing.T, w *world.World, zone string) {
	t.Helper()
	world.Wait(t, "the copy in "+zone+" to be healed", 2*time.Minute, func() error {
		all, err := w.Control.Faults(context.Background())
		if err != nil {
			return err
		}
		if len(all) > 0 {
			return fmt.Errorf("there are %d faults", len(all))
		}
		if !told(w, "has its copy in "+world.Zone(zone)+" back") {
			return fmt.Errorf("it was not told")
		}
		return nil
	})
}

func TestAMountTargetWithoutTheClientsGroupHangs(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a")
	closed := n.SecurityGroup(t, "tcp 22 22 10.0.0.0/8")
	system := fileSystem(t, w, n, closed)
	client := n.Instance(t, world.Instance{Zone: "a"})
	_, exit := w.Shell(t, client, "mkdir -p /mnt/shared && timeout 4 mount -t efs -o tls "+system+":/ /mnt/shared")
	require.NotZero(t, exit, "no rule lets the client reach port 2049")
	permission := world.Permission(t, "tcp 2049 2049 "+n.Open)
	_, err := w.EC2.AuthorizeSecurityGroupIngress(context.Background(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &closed, IpPermissions: []ec2types.IpPermission{permission}})
	require.NoError(t, err)
	mount(t, w, client, system)
	w.MustShell(t, client, "echo shared > /mnt/shared/file && grep -q shared /mnt/shared/file")
}
