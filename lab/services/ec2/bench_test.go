package ec2_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	lab "haven/lab/services/ec2"
	"haven/lab/wire/wiretest"
)

// crowd is a lab with 1,000 instances in three zones.
func crowd(b *testing.B) (*lab.Service, *ec2.Client, *cloud.Store) {
	b.Helper()
	store, err := cloud.Open(filepath.Join(b.TempDir(), "store"))
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, store.Close()) })
	service := lab.New(store)
	client := ec2.NewFromConfig(wiretest.New(b, map[string]any{"ec2": service}))
	network, err := client.CreateVpc(b.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	require.NoError(b, err)
	for i, count := range []int32{334, 333, 333} {
		subnet, err := client.CreateSubnet(b.Context(), &ec2.CreateSubnetInput{
			VpcId: network.Vpc.VpcId, CidrBlock: aws.String(fmt.Sprintf("10.0.%d.0/20", i*16)), AvailabilityZone: aws.String("us-east-1" + string("abc"[i])),
		})
		require.NoError(b, err)
		_, err = client.RunInstances(b.Context(), &ec2.RunInstancesInput{
			ImageId: aws.String(image), InstanceType: types.InstanceTypeT3Small, SubnetId: subnet.Subnet.SubnetId, MinCount: aws.Int32(count), MaxCount: aws.Int32(count),
			TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("web")}}}},
		})
		require.NoError(b, err)
	}
	return service, client, store
}

// DescribeInstances of 1,000 instances by 16 clients at once, over HTTP, signed: one operation is one whole answer.
func BenchmarkDescribe1000Instances16Clients(b *testing.B) {
	_, client, _ := crowd(b)
	b.ReportAllocs()
	begin := time.Now()
	share(b, 16, func() error {
		out, err := client.DescribeInstances(b.Context(), &ec2.DescribeInstancesInput{})
		if err != nil {
			return err
		}
		return complete(out, 1000)
	})
	b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "answers/s")
}

// The same with a filter that leaves one instance: what waiters do.
func BenchmarkDescribeOneOf1000Instances16Clients(b *testing.B) {
	_, client, _ := crowd(b)
	all, err := client.DescribeInstances(b.Context(), &ec2.DescribeInstancesInput{})
	require.NoError(b, err)
	id := *all.Reservations[0].Instances[0].InstanceId
	share(b, 16, func() error {
		out, err := client.DescribeInstances(b.Context(), &ec2.DescribeInstancesInput{Filters: []types.Filter{filter("instance-id", id)}})
		if err != nil {
			return err
		}
		return complete(out, 1)
	})
}

// The service alone, without HTTP.
func BenchmarkDescribe1000InstancesInProcess(b *testing.B) {
	service, _, _ := crowd(b)
	ctx := cloud.WithCall(b.Context(), &cloud.Call{Region: region})
	b.ReportAllocs()
	share(b, 16, func() error {
		out, err := service.DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
		if err != nil {
			return err
		}
		return complete(out, 1000)
	})
}

func complete(out *ec2.DescribeInstancesOutput, expected int) error {
	count := 0
	for _, reservation := range out.Reservations {
		count += len(reservation.Instances)
	}
	if count != expected {
		return fmt.Errorf("%d instances instead of %d", count, expected)
	}
	return nil
}

// share has so many clients carry out b.N operations.
func share(b *testing.B, clients int, operation func() error) {
	b.Helper()
	work, failures := make(chan struct{}), make(chan error, clients)
	b.ResetTimer()
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for range work {
				if err := operation(); err != nil {
					select {
					case failures <- err:
					default:
					}
				}
			}
		})
	}
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	group.Wait()
	b.StopTimer()
	close(failures)
	for err := range failures {
		b.Fatal(err)
	}
}
