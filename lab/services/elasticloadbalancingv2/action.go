package elasticloadbalancingv2

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
)

// checkActions checks a listener's or a rule's actions and returns them as AWS gives them back: with their defaults
// filled in. Exactly one action forwards, redirects or answers; actions that authenticate first are not implemented.
func checkActions(tx *cloud.Tx, region string, b *loadBalancer, actions []types.Action) ([]types.Action, error) {
	if len(actions) != 1 {
		for _, action := range actions {
			if err := checkActionType(action); err != nil {
				return nil, err
			}
		}
		return nil, cloud.Errorf("InvalidLoadBalancerAction", "Exactly one action must be of type forward, redirect or fixed-response, and it must be the last; %d were given", len(actions))
	}
	action := actions[0]
	if err := checkActionType(action); err != nil {
		return nil, err
	}
	var err error
	switch action.Type {
	case types.ActionTypeEnumForward:
		action, err = checkForward(tx, region, b, action)
	case types.ActionTypeEnumRedirect:
		action.RedirectConfig, err = checkRedirect(action.RedirectConfig)
	default:
		action.FixedResponseConfig, err = checkFixed(action.FixedResponseConfig)
	}
	return []types.Action{action}, err
}

func checkActionType(action types.Action) error {
	switch action.Type {
	case types.ActionTypeEnumForward, types.ActionTypeEnumRedirect, types.ActionTypeEnumFixedResponse:
		return nil
	}
	return unsupported("actions of type '%s'", action.Type)
}

func checkForward(tx *cloud.Tx, region string, b *loadBalancer, action types.Action) (types.Action, error) {
	forward := types.ForwardActionConfig{}
	if action.ForwardConfig != nil {
		forward = *action.ForwardConfig
	}
	forward.TargetGroups = slices.Clone(forward.TargetGroups)
	if len(forward.TargetGroups) == 0 && action.TargetGroupArn != nil {
		forward.TargetGroups = []types.TargetGroupTuple{{TargetGroupArn: action.TargetGroupArn}}
	}
	if len(forward.TargetGroups) == 0 {
		return action, invalid("A target group ARN must be specified for a forward action")
	}
	if len(forward.TargetGroups) > maxActionGroups {
		return action, cloud.Errorf("TooManyUniqueTargetGroupsPerLoadBalancer", "An action can forward to %d target groups", maxActionGroups)
	}
	if len(forward.TargetGroups) == 1 && action.TargetGroupArn != nil && *action.TargetGroupArn != aws.ToString(forward.TargetGroups[0].TargetGroupArn) {
		return action, cloud.Errorf("InvalidLoadBalancerAction", "TargetGroupArn and ForwardConfig name different target groups")
	}
	for i, tuple := range forward.TargetGroups {
		if err := checkTargetGroup(tx, region, b, tuple.TargetGroupArn); err != nil {
			return action, err
		}
		weight := aws.ToInt32(orNumber(tuple.Weight, 1))
		if weight < 0 || weight > 999 {
			return action, invalid("Weight '%d' is not in range [0, 999]", weight)
		}
		forward.TargetGroups[i].Weight = aws.Int32(weight)
	}
	if err := checkGroupStickiness(&forward); err != nil {
		return action, err
	}
	action.ForwardConfig, action.TargetGroupArn = &forward, nil
	if len(forward.TargetGroups) == 1 {
		action.TargetGroupArn = forward.TargetGroups[0].TargetGroupArn
	}
	return action, nil
}

func checkGroupStickiness(forward *types.ForwardActionConfig) error {
	sticky := forward.TargetGroupStickinessConfig
	if sticky == nil || !aws.ToBool(sticky.Enabled) {
		forward.TargetGroupStickinessConfig = &types.TargetGroupStickinessConfig{Enabled: aws.Bool(false)}
		if sticky != nil {
			forward.TargetGroupStickinessConfig.DurationSeconds = sticky.DurationSeconds
		}
		return nil
	}
	if seconds := aws.ToInt32(sticky.DurationSeconds); seconds < 1 || seconds > 604800 {
		return invalid("Stickiness duration '%d' is not in range [1, 604800]", seconds)
	}
	return nil
}

func checkTargetGroup(tx *cloud.Tx, region string, b *loadBalancer, arn *string) error {
	g, err := findGroup(tx, region, arn)
	if err != nil {
		return err
	}
	if *g.VpcId != b.VPC {
		return cloud.Errorf(codeConfig, "The target group '%s' and the load balancer '%s' are in different VPCs", *arn, b.ARN)
	}
	return nil
}

func checkRedirect(config *types.RedirectActionConfig) (*types.RedirectActionConfig, error) {
	if config == nil {
		return nil, invalid("A redirect action needs a RedirectConfig")
	}
	full := types.RedirectActionConfig{
		StatusCode: config.StatusCode, Host: orText(config.Host, "#{host}"), Path: orText(config.Path, "/#{path}"),
		Port: orText(config.Port, "#{port}"), Protocol: orText(config.Protocol, "#{protocol}"), Query: orText(config.Query, "#{query}"),
	}
	switch {
	case full.StatusCode == "":
		return nil, invalid("A redirect action needs a StatusCode")
	case !slices.Contains([]string{"HTTP", "HTTPS", "#{protocol}"}, *full.Protocol):
		return nil, invalid("Redirect protocol '%s' must be HTTP, HTTPS or #{protocol}", *full.Protocol)
	case *full.Port != "#{port}" && !between(1, 65535)(*full.Port):
		return nil, invalid("Redirect port '%s' must be #{port} or in the range 1-65535", *full.Port)
	case !strings.HasPrefix(*full.Path, "/"):
		return nil, invalid("Redirect path '%s' must begin with a '/' character", *full.Path)
	case *full.Host == "#{host}" && *full.Port == "#{port}" && *full.Protocol == "#{protocol}" && *full.Path == "/#{path}":
		return nil, cloud.Errorf("InvalidLoadBalancerAction", "The redirect must change the protocol, port, host or path to avoid a redirect loop")
	}
	for _, part := range []*string{full.Host, full.Path, full.Query} {
		if err := checkText("Redirect value", *part, 128); err != nil {
			return nil, err
		}
	}
	return &full, nil
}

func checkFixed(config *types.FixedResponseActionConfig) (*types.FixedResponseActionConfig, error) {
	if config == nil {
		return nil, invalid("A fixed-response action needs a FixedResponseConfig")
	}
	status, err := strconv.Atoi(aws.ToString(config.StatusCode))
	if err != nil || status < http.StatusOK || status > 599 || status >= 300 && status < 400 {
		return nil, invalid("Fixed response status code '%s' must be 2XX, 4XX or 5XX", aws.ToString(config.StatusCode))
	}
	full := types.FixedResponseActionConfig{StatusCode: config.StatusCode, ContentType: orText(config.ContentType, "text/plain"), MessageBody: config.MessageBody}
	kinds := []string{"text/plain", "text/css", "text/html", "application/javascript", "application/json"}
	if !slices.Contains(kinds, *full.ContentType) {
		return nil, invalid("Fixed response content type '%s' must be one of %s", *full.ContentType, strings.Join(kinds, ", "))
	}
	if len(aws.ToString(config.MessageBody)) > 1024 {
		return nil, invalid("Fixed response message body can have 1024 characters")
	}
	return &full, nil
}
