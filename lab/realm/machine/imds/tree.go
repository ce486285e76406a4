package imds

import (
	"context"
	"encoding/json"
	"net/http"
	"sort"
	"strings"
	"time"
)

// versions of the tree that are answered alike; a listing of / shows them.
var versions = []string{"1.0", "2007-01-19", "2009-04-04", "2011-05-01", "2012-01-12", "2014-11-05", "2016-09-02", "2018-09-24", "2019-10-01", "2020-10-27", "2021-01-03", "2021-03-23", "2021-07-15", "latest"}

const timeFormat = "2006-01-02T15:04:05Z"

// lookUp returns the text at a path, or a folder's listing.
func (s *Service) lookUp(ctx context.Context, f Facts, path string) (string, int) {
	path = strings.Trim(path, "/")
	if path == "" {
		return strings.Join(versions, "\n"), http.StatusOK
	}
	version, rest, _ := strings.Cut(path, "/")
	if !known(version) {
		return "", http.StatusNotFound
	}
	if rest == "user-data" && len(f.UserData) > 0 {
		return string(f.UserData), http.StatusOK
	}
	if name, ok := strings.CutPrefix(rest, "meta-data/iam/security-credentials/"); ok {
		if name != f.RoleName || s.credentials == nil {
			return "", http.StatusNotFound
		}
		return s.roleCredentials(ctx, f.RoleName)
	}
	tree := leaves(f)
	if text, ok := tree[rest]; ok {
		return text, http.StatusOK
	}
	if listing := list(tree, rest); listing != "" {
		return listing, http.StatusOK
	}
	return "", http.StatusNotFound
}

func known(version string) bool {
	for _, v := range versions {
		if v == version {
			return true
		}
	}
	return false
}

// list returns what lies directly in a folder, folders with a slash at the end.
func list(tree map[string]string, folder string) string {
	if folder != "" {
		folder += "/"
	}
	seen := map[string]bool{}
	for path := range tree {
		if rest, ok := strings.CutPrefix(path, folder); ok {
			name, _, deeper := strings.Cut(rest, "/")
			if deeper {
				name += "/"
			}
			seen[name] = true
		}
	}
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, "\n")
}

// leaves is the whole tree by path. What an instance has not got is left out, and so not found.
func leaves(f Facts) map[string]string {
	tree := map[string]string{
		"meta-data/ami-id":                         f.ImageID,
		"meta-data/ami-launch-index":               "0",
		"meta-data/ami-manifest-path":              "(unknown)",
		"meta-data/block-device-mapping/ami":       "xvda",
		"meta-data/block-device-mapping/root":      "/dev/xvda",
		"meta-data/hostname":                       f.Hostname,
		"meta-data/instance-action":                "none",
		"meta-data/instance-id":                    f.InstanceID,
		"meta-data/instance-life-cycle":            "on-demand",
		"meta-data/instance-type":                  f.InstanceType,
		"meta-data/local-hostname":                 f.Hostname,
		"meta-data/local-ipv4":                     f.Address.String(),
		"meta-data/mac":                            f.MAC,
		"meta-data/placement/availability-zone":    f.Zone,
		"meta-data/placement/availability-zone-id": f.ZoneID,
		"meta-data/placement/region":               f.Region,
		"meta-data/profile":                        "default-hvm",
		"meta-data/reservation-id":                 f.ReservationID,
		"meta-data/security-groups":                strings.Join(f.SecurityGroups, "\n"),
		"meta-data/services/domain":                "amazonaws.com",
		"meta-data/services/partition":             "aws",
		"dynamic/instance-identity/document":       document(f),
	}
	if f.Public.IsValid() {
		tree["meta-data/public-ipv4"] = f.Public.String()
	}
	if f.ProfileARN != "" {
		tree["meta-data/iam/info"] = encode(map[string]string{
			"Code": "Success", "LastUpdated": f.LaunchedAt.UTC().Format(timeFormat), "InstanceProfileArn": f.ProfileARN, "InstanceProfileId": "AIPALAB" + strings.ToUpper(strings.TrimPrefix(f.InstanceID, "i-")),
		})
		if f.RoleName != "" {
			tree["meta-data/iam/security-credentials/"+f.RoleName] = ""
		}
	}
	if f.InstanceTags {
		for name, value := range f.Tags {
			if !strings.HasPrefix(name, "aws:") && !strings.Contains(name, "/") {
				tree["meta-data/tags/instance/"+name] = value
			}
		}
	}
	addInterface(tree, f)
	for path, text := range tree {
		if text == "" && !strings.HasPrefix(path, "meta-data/iam/") && !strings.HasPrefix(path, "meta-data/tags/") {
			delete(tree, path)
		}
	}
	if len(f.UserData) > 0 {
		tree["user-data"] = string(f.UserData)
	}
	return tree
}

func addInterface(tree map[string]string, f Facts) {
	at := "meta-data/network/interfaces/macs/" + f.MAC + "/"
	for name, value := range map[string]string{
		"device-number":          "0",
		"interface-id":           f.InterfaceID,
		"local-hostname":         f.Hostname,
		"local-ipv4s":            f.Address.String(),
		"mac":                    f.MAC,
		"owner-id":               f.AccountID,
		"security-group-ids":     strings.Join(f.SecurityGroupIDs, "\n"),
		"security-groups":        strings.Join(f.SecurityGroups, "\n"),
		"subnet-id":              f.SubnetID,
		"subnet-ipv4-cidr-block": f.SubnetCIDR.String(),
		"vpc-id":                 f.VPCID,
		"vpc-ipv4-cidr-block":    f.VPCCIDR.String(),
		"vpc-ipv4-cidr-blocks":   f.VPCCIDR.String(),
	} {
		tree[at+name] = value
	}
	if f.Public.IsValid() {
		tree[at+"public-ipv4s"] = f.Public.String()
		tree[at+"ipv4-associations/"+f.Public.String()] = f.Address.String()
	}
}

// document is the instance identity document. The lab does not sign it: /pkcs7 and /signature are not there.
func document(f Facts) string {
	return encode(map[string]any{
		"accountId": f.AccountID, "architecture": "x86_64", "availabilityZone": f.Zone, "billingProducts": nil,
		"devpayProductCodes": nil, "marketplaceProductCodes": nil, "imageId": f.ImageID, "instanceId": f.InstanceID,
		"instanceType": f.InstanceType, "kernelId": nil, "ramdiskId": nil, "pendingTime": f.LaunchedAt.UTC().Format(timeFormat),
		"privateIp": f.Address.String(), "region": f.Region, "version": "2017-09-30",
	})
}

func encode(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return ""
	}
	return string(text)
}

// rotateBefore is how long before their end credentials are replaced: AWS makes new ones available at least five
// minutes before; the SDKs fetch as early as that.
const rotateBefore = 30 * time.Minute

func (s *Service) roleCredentials(ctx context.Context, role string) (string, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.role != role || !now.Before(s.renew) {
		fresh, err := s.credentials(ctx)
		if err != nil {
			return encode(map[string]string{"Code": "AssumeRoleUnauthorizedAccess", "Message": err.Error(), "LastUpdated": now.UTC().Format(timeFormat)}), http.StatusOK
		}
		s.cached, s.role, s.updated = fresh, role, now
		s.renew = fresh.Expires.Add(-min(rotateBefore, fresh.Expires.Sub(now)/2))
	}
	return encode(map[string]string{
		"Code": "Success", "LastUpdated": s.updated.UTC().Format(timeFormat), "Type": "AWS-HMAC",
		"AccessKeyId": s.cached.AccessKeyID, "SecretAccessKey": s.cached.SecretAccessKey, "Token": s.cached.SessionToken,
		"Expiration": s.cached.Expires.UTC().Format(timeFormat),
	}), http.StatusOK
}
