package document

import "sync"

// shellScript is what AWS-RunShellScript does, in schema 2.2
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-command-ssm-plugin-reference.html#aws-runShellScript).
const shellScript = `{
  "schemaVersion": "2.2",
  "description": "Run a shell script or specify the commands to run.",
  "parameters": {
    "commands": {"type": "StringList", "description": "(Required) Specify a shell script or a command to run.", "minItems": 1, "displayType": "textarea"},
    "workingDirectory": {"type": "String", "default": "", "description": "(Optional) The path to the working directory on your instance.", "maxChars": 4096},
    "executionTimeout": {"type": "String", "default": "3600", "description": "(Optional) The time in seconds for a command to complete before it is considered to have failed. Default is 3600 (1 hour). Maximum is 172800 (48 hours).",
      "allowedPattern": "([1-9][0-9]{0,4})|(1[0-6][0-9]{4})|(17[0-1][0-9]{3})|(172[0-7][0-9]{2})|(172800)"}
  },
  "mainSteps": [{"action": "aws:runShellScript", "name": "aws:runShellScript", "inputs": {
    "runCommand": ["{{ commands }}"], "workingDirectory": "{{ workingDirectory }}", "timeoutSeconds": "{{ executionTimeout }}"}}]
}`

// Amazons returns the content of one of Amazon's own documents; ok is false for those that the lab lacks.
func Amazons(name string) (content string, ok bool) {
	content, ok = map[string]string{"AWS-RunShellScript": shellScript}[name]
	return content, ok
}

// ShellScript is AWS-RunShellScript.
var ShellScript = sync.OnceValue(func() *Document {
	d, err := Parse(shellScript, false)
	if err != nil {
		panic("document: " + err.Error()) // a constant
	}
	return d
})
