package document

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func noStore(string) (string, error) { return "", errors.New("there is none") }

func TestAmazonsDocumentRunsCommands(t *testing.T) {
	work, err := ShellScript().Resolve(map[string][]string{"commands": {"echo {{ not a reference }}", "exit 3"}, "executionTimeout": {"30"}}, noStore)
	require.NoError(t, err)
	require.Equal(t, []Work{{Plugin: RunShellScript, Script: "echo {{ not a reference }}\nexit 3\n", Timeout: 30 * time.Second}}, work)
	for what, given := range map[string]map[string][]string{
		"no commands":        {},
		"empty commands":     {"commands": {}},
		"unknown parameter":  {"commands": {"true"}, "command": {"true"}},
		"too long a time":    {"commands": {"true"}, "executionTimeout": {"172801"}},
		"two for one":        {"commands": {"true"}, "workingDirectory": {"/", "/tmp"}},
		"a missing ssm name": {"commands": {"echo {{ssm:/none}}"}},
	} {
		_, err := ShellScript().Resolve(given, noStore)
		assert.Error(t, err, what)
	}
}

const greeting = `
schemaVersion: "2.2"
parameters:
  who: {type: String, allowedPattern: "[a-z]+"}
  times: {type: Integer, default: 2}
mainSteps:
  - action: aws:runShellScript
    name: greet
    precondition: {StringEquals: [platformType, Linux]}
    inputs:
      timeoutSeconds: 7
      workingDirectory: /srv
      runCommand: ["echo hello {{ who }} {{times}} {{ ssm:/suffix }}"]
  - action: aws:runShellScript
    name: elsewhere
    precondition: {StringEquals: [platformType, Windows]}
    inputs: {runCommand: ["dir"]}
`

func TestADocumentInYAML(t *testing.T) {
	d, err := Parse(greeting, true)
	require.NoError(t, err)
	store := func(name string) (string, error) { return "(" + name + ")", nil }
	work, err := d.Resolve(map[string][]string{"who": {"world"}}, store)
	require.NoError(t, err)
	require.Len(t, work, 2)
	assert.Equal(t, Work{Plugin: "greet", Script: "echo hello world 2 (/suffix)\n", Dir: "/srv", Timeout: 7 * time.Second}, work[0])
	assert.True(t, work[1].Skip)
	_, err = d.Resolve(map[string][]string{"who": {"World"}}, store)
	assert.ErrorContains(t, err, "allowedPattern")
	_, err = d.Resolve(map[string][]string{"who": {"world"}, "times": {"x"}}, store)
	assert.ErrorContains(t, err, "Integer")
}

func TestWhatTheLabLacksIsRefusedByName(t *testing.T) {
	for content, why := range map[string]string{
		`{"schemaVersion":"0.3","mainSteps":[]}`: "0.3",
		`{"schemaVersion":"2.2","mainSteps":[]}`: "mainSteps",
		`{"schemaVersion":"2.2","mainSteps":[{"action":"aws:runPowerShellScript","name":"a","inputs":{"runCommand":["x"]}}]}`:                                    "aws:runPowerShellScript",
		`{"schemaVersion":"2.2","mainSteps":[{"action":"aws:runShellScript","name":"a","onFailure":"exit","inputs":{"runCommand":["x"]}}]}`:                      "onFailure",
		`{"schemaVersion":"2.2","mainSteps":[{"action":"aws:runShellScript","name":"a","inputs":{"runCommand":["{{ gone }}"]}}]}`:                                "gone",
		`{"schemaVersion":"2.2","parameters":{"p":{"type":"StringMap"}},"mainSteps":[{"action":"aws:runShellScript","name":"a","inputs":{"runCommand":["x"]}}]}`: "StringMap",
		`not json`: "no Command document",
	} {
		_, err := Parse(content, false)
		assert.ErrorContains(t, err, why)
	}
}
