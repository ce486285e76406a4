package webtier_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"haven/components/webtier"
)

func userData() webtier.UserData {
	hash := strings.Repeat("0123456789abcdef", 4)
	return webtier.UserData{
		Artifact: "s3://artifacts-1/app/" + hash + "/haven-app", ArtifactSHA256: hash,
		Trust: "s3://artifacts-1/trust/" + hash + "/database-ca.pem", TrustSHA256: hash,
		FileSystem: "fs-0123456789abcdef0", AccessPoint: "fsap-0123456789abcdef0", SharedDir: "/srv/haven/shared",
		Owner: 1500, Port: 8080, Version: "0123456789ab",
		WriterHost: "haven.cluster-x.us-east-1.rds.amazonaws.com", ReaderHost: "haven.cluster-ro-x.us-east-1.rds.amazonaws.com",
		Hosts:        "haven-a.x.us-east-1.rds.amazonaws.com,haven-b.x.us-east-1.rds.amazonaws.com",
		DatabasePort: 5432, DatabaseName: "haven", SecretARN: "arn:aws:secretsmanager:us-east-1:000000000000:secret:rds!cluster-1",
		DetectionSeconds: 13, DrainSeconds: 20,
	}
}

func TestUserDataIsValidBash(t *testing.T) {
	script, err := webtier.RenderUserData(userData())
	require.NoError(t, err)
	check := exec.Command("bash", "-n")
	check.Stdin = strings.NewReader(script)
	out, err := check.CombinedOutput()
	require.NoError(t, err, string(out))
	require.True(t, strings.HasPrefix(script, "#!/bin/bash\n"), "cloud-init runs only what begins so")
	require.NotContains(t, script, "<no value>")
}

func TestEqualInputGivesTheEqualScript(t *testing.T) {
	one, err := webtier.RenderUserData(userData())
	require.NoError(t, err)
	two, err := webtier.RenderUserData(userData())
	require.NoError(t, err)
	require.Equal(t, one, two)
}

func TestHostsMayBeEmpty(t *testing.T) {
	data := userData()
	data.Hosts = ""
	script, err := webtier.RenderUserData(data)
	require.NoError(t, err)
	require.Contains(t, script, "HAVEN_DB_HOSTS=\n")
}

func TestTrustMayComeFromAPublishedAddress(t *testing.T) {
	data := userData()
	data.Trust, data.TrustSHA256 = "https://truststore.pki.rds.amazonaws.com/us-east-1/us-east-1-bundle.pem", ""
	_, err := webtier.RenderUserData(data)
	require.NoError(t, err)
}

// Nothing that a shell, a unit file or an environment file would interpret gets
// through, whatever field it is in.
func TestNothingIsInterpreted(t *testing.T) {
	fields := map[string]func(*webtier.UserData) *string{
		"Artifact":     func(u *webtier.UserData) *string { return &u.Artifact },
		"FileSystem":   func(u *webtier.UserData) *string { return &u.FileSystem },
		"AccessPoint":  func(u *webtier.UserData) *string { return &u.AccessPoint },
		"SharedDir":    func(u *webtier.UserData) *string { return &u.SharedDir },
		"Version":      func(u *webtier.UserData) *string { return &u.Version },
		"WriterHost":   func(u *webtier.UserData) *string { return &u.WriterHost },
		"Hosts":        func(u *webtier.UserData) *string { return &u.Hosts },
		"DatabaseName": func(u *webtier.UserData) *string { return &u.DatabaseName },
		"SecretARN":    func(u *webtier.UserData) *string { return &u.SecretARN },
		"Trust":        func(u *webtier.UserData) *string { return &u.Trust },
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{
			"Artifact", "FileSystem", "AccessPoint", "SharedDir", "Version", "WriterHost", "Hosts", "DatabaseName", "SecretARN", "Trust",
		}).Draw(t, "field")
		data := userData()
		field := fields[name](&data)
		*field += rapid.SampledFrom([]string{"'", "\"", "$(id)", "`id`", "\n", " ", ";", "&", "|", "\\", "#", "\x00"}).Draw(t, "poison")
		if script, err := webtier.RenderUserData(data); err == nil {
			t.Fatalf("%s was let through:\n%s", name, script)
		}
	})
}

func TestRenderUserDataListsEveryProblem(t *testing.T) {
	_, err := webtier.RenderUserData(webtier.UserData{})
	for _, field := range []string{
		"Artifact \"\"", "FileSystem", "AccessPoint", "SharedDir", "Owner is 0", "Port is 0", "Version", "WriterHost", "ReaderHost",
		"DatabasePort is 0", "DatabaseName", "SecretARN", "DetectionSeconds is 0", "DrainSeconds is 0", "Artifact has to be an s3:// address", "Trust has to be",
	} {
		require.ErrorContains(t, err, field)
	}
	plain := userData()
	plain.Trust, plain.TrustSHA256 = "s3://bucket/ca.pem", ""
	_, err = webtier.RenderUserData(plain)
	require.ErrorContains(t, err, "Trust has to be", "an object without a hash could be anybody's")
}
