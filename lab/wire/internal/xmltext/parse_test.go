package xmltext_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/wire/internal/xmltext"
)

func TestParse(t *testing.T) {
	root, err := xmltext.Parse([]byte(`<?xml version="1.0"?><a xmlns="x" xmlns:y="z"><!-- not this --><b y:c="d">e<![CDATA[<f>]]>&amp;&#65;</b><b/></a>`))
	require.NoError(t, err)
	require.Len(t, root.Children, 2)
	assert.Equal(t, "e<f>&A", root.Children[0].Text)
	value, ok := root.Children[0].Attr("c")
	assert.True(t, ok)
	assert.Equal(t, "d", value)
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "text": "text", "two roots": "<a/><b/>", "text after": "<a/>text", "not closed": "<a>", "crossed": "<a><b></a></b>",
		"unknown entity": "<a>&b;</a>", "doctype": "<!DOCTYPE a><a/>", "deep": strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100),
	} {
		_, err := xmltext.Parse([]byte(text))
		require.Error(t, err, name)
	}
}

// TestTextReadsBackTheSame checks that what is written escaped is read as it was.
func TestTextReadsBackTheSame(t *testing.T) {
	for _, text := range []string{"", "plain", `<&>"'`, "a\tb\nc\rd", "ü€𐍈", "]]>", " around "} {
		out := xmltext.Writer{}
		out.Element("a", text)
		root, err := xmltext.Parse(out.Bytes())
		require.NoError(t, err)
		assert.Equal(t, text, root.Text)
	}
}

// FuzzParse looks for documents that make the parser fall over.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`<a xmlns="x"><b y:c="d">e&amp;<![CDATA[f]]></b><!-- g --></a>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		root, err := xmltext.Parse(body)
		if (root == nil) == (err == nil) {
			t.Fatal("neither an element nor an error, or both")
		}
	})
}
