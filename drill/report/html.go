package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"haven/drill/run"
)

//go:embed page.tmpl
var source string

//go:embed page.css
var style string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(style) },
	"words": func(v run.Verdict) string { return words[v] },
}).Parse(source))

// HTML writes a run as one page that needs nothing else: its style and drawings are in it, and its policy forbids scripts and requests.
// Whatever foreign text it shows (errors, names) is escaped by html/template for the place where it stands.
func HTML(w io.Writer, r Run) error {
	if err := pageTemplate.Execute(w, newPage(r)); err != nil {
		return fmt.Errorf("writing the report's page: %w", err)
	}
	return nil
}
