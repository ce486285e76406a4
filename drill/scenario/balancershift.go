package scenario

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/arczonalshift"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/drill/fault"
	"haven/drill/target"
)

// UndoShift is the kind of undoing that cancels the zonal shift of the load balancer Target and, where its parameter Unmanaged is
// not empty, takes the balancer out of zonal shifts again.
const (
	UndoShift = "zonal shift"
	Unmanaged = "unmanaged"
)

// shiftLasts is when a zonal shift ends by itself, should nobody be left to cancel it.
const shiftLasts = "15m"

// shift leads traffic away from a zone.
type shift struct {
	stage     Stage
	zone      string
	unmanaged bool // the balancer does not take part in zonal shifts but for the drill
}

func shifted(s Stage) fault.Fault { return &shift{stage: s} }

// Setup makes the balancer one that takes part in zonal shifts, as an operator would have to first: the program declares it, and
// the provider's version that it uses ignores that for application load balancers (docs/assumptions.md, ELB-15).
func (f *shift) Setup(ctx context.Context) (string, error) {
	var err error
	if f.zone, err = f.stage.zone(); err != nil {
		return "", err
	}
	arn := f.stage.Outputs.LoadBalancer.ARN
	managed, err := f.stage.TakesShifts(ctx, arn)
	if err != nil || managed {
		return f.zone, err
	}
	f.unmanaged = true
	if err := f.stage.Undo.Remember(UndoShift, Undoing{Kind: UndoShift, Target: arn, Parameters: map[string]string{Unmanaged: "true"}}); err != nil {
		return "", err
	}
	return f.zone, f.stage.TakeShifts(ctx, arn, true)
}

func (f *shift) Inject(ctx context.Context) error {
	id, err := f.stage.zoneID(ctx, f.zone)
	if err != nil {
		return err
	}
	arn := f.stage.Outputs.LoadBalancer.ARN
	if !f.unmanaged {
		if err := f.stage.Undo.Remember(UndoShift, Undoing{Kind: UndoShift, Target: arn}); err != nil {
			return err
		}
	}
	_, err = arczonalshift.NewFromConfig(f.stage.Config).StartZonalShift(ctx, &arczonalshift.StartZonalShiftInput{
		ResourceIdentifier: &arn, AwayFrom: &id, ExpiresIn: aws.String(shiftLasts), Comment: aws.String(target.ShiftComment),
	})
	return err
}

func (f *shift) WaitActive(ctx context.Context) error { return f.stage.overridden(ctx, f.zone) }

// Recover cancels the shift. The balancer takes part in shifts until what is remembered is undone: its targets show the end of this one.
func (f *shift) Recover(ctx context.Context) error {
	return f.stage.CancelShift(ctx, f.stage.Outputs.LoadBalancer.ARN)
}

func (f *shift) WaitRecovered(ctx context.Context) error { return f.stage.overridden(ctx, "") }

// Cleanup leaves what is remembered to those who undo everything after a fault, also after one that went well.
func (f *shift) Cleanup(context.Context) error { return nil }

// zoneID returns a zone's id (use1-az1), which zonal shifts go by: names mean other zones in other accounts.
func (s Stage) zoneID(ctx context.Context, name string) (string, error) {
	out, err := ec2.NewFromConfig(s.Config).DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{ZoneNames: []string{name}})
	if err != nil {
		return "", err
	}
	if len(out.AvailabilityZones) != 1 {
		return "", fmt.Errorf("there is no zone %s", name)
	}
	return *out.AvailabilityZones[0].ZoneId, nil
}

// overridden waits until exactly the servers of a zone (empty: none) get no requests because of a zonal shift, whatever their health.
func (s Stage) overridden(ctx context.Context, zone string) error {
	return target.Await(ctx, "the zonal shift to be what targets show", time.Minute, func(ctx context.Context) error {
		group, err := s.Group(ctx)
		if err != nil {
			return err
		}
		out, err := elb.NewFromConfig(s.Config).DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &s.Outputs.LoadBalancer.TargetGroup})
		if err != nil {
			return err
		}
		var wanted, shown []string
		for _, i := range group.Instances {
			if *i.AvailabilityZone == zone {
				wanted = append(wanted, *i.InstanceId)
			}
		}
		for _, t := range out.TargetHealthDescriptions {
			if o := t.AdministrativeOverride; o != nil && o.State == elbtypes.TargetAdministrativeOverrideStateEnumZonalShiftActive {
				shown = append(shown, *t.Target.Id)
			}
		}
		slices.Sort(wanted)
		slices.Sort(shown)
		if !slices.Equal(wanted, shown) {
			return fmt.Errorf("traffic is led away from %v, not from %v", shown, wanted)
		}
		return nil
	})
}
