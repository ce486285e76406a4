package pattern

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// lookup returns the values that a reference has in a line; ok tells whether it is there at all.
type lookup func(reference string) (values []any, ok bool)

// condition is what a JSON or column pattern asks of a line.
type condition func(find lookup) bool

// token is a word, a quoted text, a regular expression or a sign.
type token struct {
	text string
	kind byte // 'w', '"', '%', 's'
}

func (t token) is(sign string) bool { return t.kind == 's' && t.text == sign }

func (t token) word(word string) bool { return t.kind == 'w' && strings.EqualFold(t.text, word) }

var signs = []string{"&&", "||", "!=", "<=", ">=", "=", "<", ">", "(", ")", ","}

func split(text string) (tokens []token, err error) {
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		var one token
		if one, rest, err = nextToken(rest); err != nil {
			return nil, err
		}
		tokens = append(tokens, one)
	}
	return tokens, nil
}

func nextToken(rest string) (token, string, error) {
	switch rest[0] {
	case '"':
		text, left, closed := quoted(rest)
		if !closed {
			return token{}, "", fmt.Errorf("a quote is not closed: %s", rest)
		}
		return token{text, '"'}, left, nil
	case '%':
		text, left, closed := strings.Cut(rest[1:], "%")
		if !closed {
			return token{}, "", fmt.Errorf("a regular expression is not closed with %%: %s", rest)
		}
		return token{text, '%'}, left, nil
	}
	for _, sign := range signs {
		if strings.HasPrefix(rest, sign) {
			return token{sign, 's'}, rest[len(sign):], nil
		}
	}
	length := wordLength(rest)
	return token{rest[:length], 'w'}, rest[length:], nil
}

// wordLength returns where a word ends: at a space or a sign, outside of a selector's brackets.
func wordLength(rest string) int {
	depth := 0
	for i := range len(rest) {
		switch c := rest[i]; {
		case c == '[':
			depth++
		case c == ']' && depth > 0:
			depth--
		case depth > 0:
		case c == ' ' || c == '\t' || c == '"' || strings.IndexByte("=<>(),", c) >= 0:
			return max(i, 1)
		case i+1 < len(rest) && (rest[i:i+2] == "&&" || rest[i:i+2] == "||" || rest[i:i+2] == "!="):
			return max(i, 1)
		}
	}
	return len(rest)
}

// parser reads conditions; name turns a word into the reference that it stands for.
type parser struct {
	tokens []token
	at     int
	depth  int
	name   func(word string) (string, error)
}

const maxDepth = 50

func (p *parser) peek() token {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return token{}
}

func (p *parser) next() token {
	t := p.peek()
	p.at++
	return t
}

func (p *parser) or() (condition, error) {
	left, err := p.and()
	for err == nil && p.peek().is("||") {
		p.next()
		var right condition
		before := left
		right, err = p.and()
		left = func(find lookup) bool { return before(find) || right(find) }
	}
	return left, err
}

func (p *parser) and() (condition, error) {
	left, err := p.one()
	for err == nil && p.peek().is("&&") {
		p.next()
		var right condition
		before := left
		right, err = p.one()
		left = func(find lookup) bool { return before(find) && right(find) }
	}
	return left, err
}

func (p *parser) one() (condition, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("the pattern is nested deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	if p.peek().is("(") {
		p.next()
		inner, err := p.or()
		if err == nil && !p.next().is(")") {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return inner, err
	}
	subject := p.next()
	if subject.kind != 'w' {
		return nil, fmt.Errorf("%q stands where a field is expected", subject.text)
	}
	reference, err := p.name(subject.text)
	if err != nil {
		return nil, err
	}
	return p.test(reference)
}

// test reads what is asked of a reference.
func (p *parser) test(reference string) (condition, error) {
	operator := p.next()
	switch {
	case operator.word("EXISTS"):
		return func(find lookup) bool { _, ok := find(reference); return ok }, nil
	case operator.word("NOT") && p.peek().word("EXISTS"):
		p.next()
		return func(find lookup) bool { _, ok := find(reference); return !ok }, nil
	case operator.word("IS"):
		return p.is(reference)
	case operator.kind != 's' || strings.Contains("&&||(),", operator.text):
		return nil, fmt.Errorf("%q stands where =, !=, <, <=, >, >=, IS or NOT EXISTS is expected", operator.text)
	}
	compare, err := comparison(operator.text, p.next())
	if err != nil {
		return nil, err
	}
	return func(find lookup) bool {
		values, _ := find(reference)
		for _, value := range values {
			if compare(value) {
				return true
			}
		}
		return false
	}, nil
}

// is reads NULL, TRUE or FALSE behind IS, perhaps with NOT before it.
func (p *parser) is(reference string) (condition, error) {
	not := p.peek().word("NOT")
	if not {
		p.next()
	}
	constants := map[string]any{"NULL": nil, "TRUE": true, "FALSE": false}
	wanted, ok := constants[strings.ToUpper(p.peek().text)]
	if !ok || p.next().kind != 'w' {
		return nil, fmt.Errorf("IS needs NULL, TRUE or FALSE behind it")
	}
	return func(find lookup) bool {
		values, _ := find(reference)
		for _, value := range values {
			if (value == wanted) != not {
				return true
			}
		}
		return false
	}, nil
}

// comparison returns the test of an operator with a value.
func comparison(operator string, value token) (func(any) bool, error) {
	switch value.kind {
	case 0, 's':
		return nil, fmt.Errorf("a value is missing behind %s", operator)
	case '%':
		compiled, err := regexp.Compile(value.text)
		if err != nil {
			return nil, fmt.Errorf("the regular expression %%%s%%: %w", value.text, err)
		}
		if operator != "=" && operator != "!=" {
			return nil, fmt.Errorf("a regular expression goes with = and != only")
		}
		return func(got any) bool { return compiled.MatchString(textOf(got)) == (operator == "=") }, nil
	}
	wanted, err := strconv.ParseFloat(value.text, 64)
	isNumber := err == nil && value.kind == 'w'
	if operator == "=" || operator == "!=" {
		return func(got any) bool { return equal(got, value.text, wanted, isNumber) == (operator == "=") }, nil
	}
	if !isNumber {
		return nil, fmt.Errorf("%s compares numbers, and %q is none", operator, value.text)
	}
	return func(got any) bool {
		number, ok := numberOf(got)
		return ok && ordered(operator, number, wanted)
	}, nil
}

func ordered(operator string, a, b float64) bool {
	switch operator {
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	}
	return a >= b
}

func equal(got any, text string, number float64, isNumber bool) bool {
	if isNumber {
		if is, ok := numberOf(got); ok {
			return is == number
		}
	}
	return wildcard(text, textOf(got))
}

// textOf writes a value as a line has it.
func textOf(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(value)
	case nil:
		return "null"
	}
	return fmt.Sprint(value)
}

func numberOf(value any) (float64, bool) {
	switch value := value.(type) {
	case float64:
		return value, true
	case string:
		number, err := strconv.ParseFloat(value, 64)
		return number, err == nil
	}
	return 0, false
}

// wildcard tells whether a text is as a pattern says, in which each * stands for anything.
func wildcard(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	rest, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
