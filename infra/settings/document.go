package settings

import (
	"encoding/json"
	"fmt"
	"strings"
)

// ProjectFile writes Pulumi.yaml: the project and every setting's declaration.
func ProjectFile() string {
	var out strings.Builder
	out.WriteString(`# The Pulumi project. The settings below are written from the table in
# infra/settings (go test ./infra/settings -update): change them there.
name: haven
description: A highly available environment in one Region, declared as code
runtime: go
main: infra
stackConfigDir: stacks
config:
`)
	for _, key := range keys {
		fmt.Fprintf(&out, "  %s:%s:\n    type: %s\n", Namespace, key.Name, key.Kind)
		if key.Kind == List {
			out.WriteString("    items:\n      type: string\n")
		}
		if !key.Required() {
			fmt.Fprintf(&out, "    default: %s\n", quoted(key.Default))
		}
		fmt.Fprintf(&out, "    description: %s\n", quoted(key.Description))
	}
	return out.String()
}

// Document writes docs/settings.md.
func Document() string {
	var out strings.Builder
	out.WriteString(`# Settings

What may differ between stacks. A stack's file, ` + "`stacks/Pulumi.<stack>.yaml`" + `, sets them as ` + "`haven:<name>`" + `; a setting
without a default has to be set. A value that does not parse, and a name that is not in this table, stop the program.

This page is written from the table in ` + "`infra/settings`" + `: ` + "`go test ./infra/settings -update`" + `.

| name | type | default | what it is | expected |
| --- | --- | --- | --- | --- |
`)
	for _, key := range keys {
		fallback := "**required**"
		if !key.Required() {
			fallback = "`" + quoted(key.Default) + "`"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s |\n", key.Name, key.Kind, fallback, key.Description, key.Expected)
	}
	return out.String()
}

// quoted writes a value as JSON, which is YAML too.
func quoted(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("%v is not data: %v", value, err))
	}
	return string(raw)
}
