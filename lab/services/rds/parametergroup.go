package rds

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

// groupKind is what tells cluster parameter groups and instance parameter groups apart.
type groupKind struct {
	arn   string
	word  string
	table cloud.Table[parameterGroupRow]
	// covers tells whether groups of the kind have a parameter.
	covers func(p parameter) bool
}

var (
	clusterGroupKind = groupKind{
		arn: "cluster-pg", word: "DBClusterParameterGroup", table: clusterGroups,
		covers: func(parameter) bool { return true },
	}
	instanceGroupKind = groupKind{
		arn: "pg", word: "DBParameterGroup", table: parameterGroups,
		covers: func(p parameter) bool { return !p.ClusterOnly },
	}
)

var families = []string{"aurora-postgresql15", "aurora-postgresql16"}

// standardGroup returns the default group of a family, which nobody creates or changes.
func standardGroup(region, name string) *parameterGroupRow {
	family, ok := strings.CutPrefix(name, "default.")
	if !ok || !slices.Contains(families, family) {
		return nil
	}
	return &parameterGroupRow{Name: name, Region: region, Family: family, Description: "Default parameter group for " + family}
}

func (k groupKind) find(tx *cloud.Tx, region, reference string) (*parameterGroupRow, error) {
	name := nameOf(reference)
	if standard := standardGroup(region, name); standard != nil {
		return standard, nil
	}
	row, err := k.table.Get(tx, region, name)
	if err == nil && row == nil {
		err = cloud.StatusErrorf(404, "DBParameterGroupNotFound", "%s not found: %s", k.word, name)
	}
	return row, err
}

// changeable is find for what only the user's own groups allow.
func (k groupKind) changeable(tx *cloud.Tx, region, reference string) (*parameterGroupRow, error) {
	row, err := k.find(tx, region, reference)
	if err == nil && strings.HasPrefix(row.Name, "default.") {
		err = cloud.Errorf("InvalidParameterValue", "Default %s cannot be modified or deleted: %s", k.word, row.Name)
	}
	return row, err
}

func (k groupKind) create(tx *cloud.Tx, region, name, family, description string, list []types.Tag) (*parameterGroupRow, error) {
	name = strings.ToLower(name)
	if err := checkIdentifier(k.word+"Name", name); err != nil {
		return nil, err
	}
	if !slices.Contains(families, family) {
		return nil, cloud.Errorf("InvalidParameterValue", "ParameterGroupFamily %s is not a valid parameter group family (the lab has: %s)", family, strings.Join(families, ", "))
	}
	if existing, err := k.table.Get(tx, region, name); err != nil || existing != nil {
		return nil, orExists(err, "DBParameterGroupAlreadyExists", "Parameter group %s already exists", name)
	}
	row := &parameterGroupRow{Name: name, Region: region, Family: family, Description: description, Values: map[string]parameterValue{}}
	if err := setTags(tx, region, groupARN(k.arn, region, name), list); err != nil {
		return nil, err
	}
	return row, k.table.Put(tx, region, name, row)
}

func (k groupKind) modify(tx *cloud.Tx, region, name string, changes []types.Parameter) (*parameterGroupRow, error) {
	row, err := k.changeable(tx, region, name)
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 || len(changes) > 20 {
		return nil, cloud.Errorf("InvalidParameterValue", "A maximum of 20 parameters, and at least one, can be modified in a single request; there are %d", len(changes))
	}
	for _, change := range changes {
		p, err := k.parameter(change)
		if err != nil {
			return nil, err
		}
		if err := p.check(aws.ToString(change.ParameterValue)); err != nil {
			return nil, err
		}
		if p.Static && change.ApplyMethod == types.ApplyMethodImmediate {
			return nil, cloud.Errorf("InvalidParameterCombination", "cannot use immediate apply method for static parameter: %s", p.Name)
		}
		if row.Values == nil {
			row.Values = map[string]parameterValue{}
		}
		row.Values[p.Name] = parameterValue{Value: aws.ToString(change.ParameterValue), Method: change.ApplyMethod}
		if err := note(tx, region, types.SourceTypeDbParameterGroup, row.Name, groupARN(k.arn, region, row.Name), parameterUpdated,
			p.Name, aws.ToString(change.ParameterValue), string(change.ApplyMethod)); err != nil {
			return nil, err
		}
	}
	return row, k.table.Put(tx, region, row.Name, row)
}

// parameter finds the parameter that a change is of.
func (k groupKind) parameter(change types.Parameter) (parameter, error) {
	name := strings.ToLower(aws.ToString(change.ParameterName))
	p, ok := knownParameters[name]
	if !ok || !k.covers(p) {
		return p, cloud.Errorf("InvalidParameterValue", "Could not find parameter with name: %s", name)
	}
	if p.Fixed {
		return p, cloud.Errorf("InvalidParameterValue", "The parameter %s cannot be modified.", name)
	}
	return p, nil
}

func (k groupKind) reset(tx *cloud.Tx, region, name string, all bool, changes []types.Parameter) (*parameterGroupRow, error) {
	row, err := k.changeable(tx, region, name)
	if err != nil {
		return nil, err
	}
	if all == (len(changes) > 0) {
		return nil, cloud.Errorf("InvalidParameterCombination", "Specify either parameters or ResetAllParameters.")
	}
	if all {
		row.Values = map[string]parameterValue{}
	}
	for _, change := range changes {
		p, err := k.parameter(change)
		if err != nil {
			return nil, err
		}
		delete(row.Values, p.Name)
	}
	return row, k.table.Put(tx, region, row.Name, row)
}

func (k groupKind) remove(tx *cloud.Tx, region, name string, used func(string) (string, error)) error {
	row, err := k.changeable(tx, region, name)
	if err != nil {
		return err
	}
	by, err := used(row.Name)
	if err != nil {
		return err
	}
	if by != "" {
		return cloud.Errorf("InvalidDBParameterGroupState", "One or more database instances are still members of this parameter group %s, so the group cannot be deleted: %s", row.Name, by)
	}
	if err := tags.Delete(tx, region, groupARN(k.arn, region, row.Name)); err != nil {
		return err
	}
	return k.table.Delete(tx, region, row.Name)
}

func (k groupKind) list(tx *cloud.Tx, region string, name *string) ([]*parameterGroupRow, error) {
	if name != nil {
		row, err := k.find(tx, region, *name)
		return []*parameterGroupRow{row}, err
	}
	all, err := k.table.List(tx, region)
	if err != nil {
		return nil, err
	}
	all = slices.Clone(all)
	for _, family := range families {
		all = append(all, standardGroup(region, "default."+family))
	}
	sortBy(all, func(a, b *parameterGroupRow) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// parameters lists a group's parameters from one source: user, system, engine-default, or all of them.
func (k groupKind) parameters(tx *cloud.Tx, region string, name, source *string) ([]types.Parameter, error) {
	row, err := k.find(tx, region, aws.ToString(name))
	if err != nil {
		return nil, err
	}
	if source != nil && !slices.Contains([]string{"user", "system", "engine-default", "service"}, *source) {
		return nil, cloud.Errorf("InvalidParameterValue", "Invalid source: %s", *source)
	}
	var out []types.Parameter
	for _, key := range slices.Sorted(maps.Keys(knownParameters)) {
		p := knownParameters[key]
		if !k.covers(p) {
			continue
		}
		value, set := row.Values[key]
		from := "user"
		if !set {
			value, from = parameterValue{Value: p.Default}, "engine-default"
			if p.Fixed {
				from = "system"
			}
		}
		if source == nil || *source == from {
			out = append(out, p.describe(value, from))
		}
	}
	return out, nil
}
