package expression

import (
	"fmt"
	"strings"
)

type tokenKind int

const (
	end tokenKind = iota
	word
	literal // a number
	text    // in quotes
	symbol
)

type token struct {
	kind tokenKind
	text string
}

func (t token) is(s string) bool { return t.kind == symbol && t.text == s }

var symbols = []string{"<=", ">=", "==", "!=", "&&", "||", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",", "<", ">"}

func split(source string) (tokens []token, err error) {
	for rest := strings.TrimSpace(source); rest != ""; rest = strings.TrimSpace(rest) {
		t, length, err := first(rest)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		rest = rest[length:]
	}
	return tokens, nil
}

// first reads the token at the beginning of a text.
func first(rest string) (token, int, error) {
	c := rest[0]
	switch {
	case c >= '0' && c <= '9' || c == '.':
		length := span(rest, func(c byte) bool { return c >= '0' && c <= '9' || c == '.' })
		return token{literal, rest[:length]}, length, nil
	case isLetter(c):
		length := span(rest, func(c byte) bool { return isLetter(c) || c >= '0' && c <= '9' })
		return token{word, rest[:length]}, length, nil
	case c == '"' || c == '\'':
		length := strings.IndexByte(rest[1:], c)
		if length < 0 {
			return token{}, 0, fmt.Errorf("a quote is not closed: %s", rest)
		}
		return token{text, rest[1 : length+1]}, length + 2, nil
	}
	for _, s := range symbols {
		if strings.HasPrefix(rest, s) {
			return token{symbol, s}, len(s), nil
		}
	}
	return token{}, 0, fmt.Errorf("%q is not expected in an expression", c)
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

func span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}
