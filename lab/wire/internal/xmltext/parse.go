package xmltext

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"

	"haven/lab/wire/internal/bind"
	"haven/lab/wire/internal/fault"
)

// maxDepth is more than any model nests.
const maxDepth = 60

// Element is an element of a parsed document.
type Element struct {
	Name     string // without its namespace
	Attrs    []xml.Attr
	Text     string // the text directly in it
	Children []*Element
}

// Parse reads a document and returns its root element. A document without an element is an error.
func Parse(body []byte) (*Element, error) {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	root := &Element{}
	open := []*Element{root}
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, malformed()
		}
		top := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			child := &Element{Name: token.Name.Local, Attrs: token.Copy().Attr}
			top.Children = append(top.Children, child)
			if open = append(open, child); len(open) > maxDepth {
				return nil, bind.ErrDepth
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			top.Text += string(token)
		case xml.Directive: // a document type: nothing that a client needs
			return nil, malformed()
		}
	}
	if len(root.Children) != 1 || len(open) != 1 || strings.TrimSpace(root.Text) != "" {
		return nil, malformed()
	}
	return root.Children[0], nil
}

func malformed() error {
	return fault.Newf(fault.Malformed, "The XML you provided was not well-formed or did not validate against our published schema.")
}

// Attr returns an attribute by its name without namespace.
func (e *Element) Attr(name string) (string, bool) {
	for _, attr := range e.Attrs {
		if attr.Name.Local == name {
			return attr.Value, true
		}
	}
	return "", false
}
