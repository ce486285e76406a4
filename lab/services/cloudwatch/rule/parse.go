package rule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Parse reads a rule.
func Parse(text string) (*Rule, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("the rule is longer than %d bytes", MaxBytes)
	}
	tokens, err := split(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if !p.done() {
		return nil, fmt.Errorf("%q is not expected after a complete rule", p.peek().text)
	}
	if p.elements > MaxElements {
		return nil, fmt.Errorf("the rule has more than %d elements", MaxElements)
	}
	return &Rule{root: root, alarms: p.alarms}, nil
}

// token is a word, a quoted name, or one of "(", ")" and ",".
type token struct {
	text   string
	quoted bool
}

func (t token) is(word string) bool { return !t.quoted && strings.EqualFold(t.text, word) }

func split(text string) (tokens []token, err error) {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			i++
		case strings.IndexByte("(),", c) >= 0:
			tokens = append(tokens, token{text: string(c)})
			i++
		case c == '"':
			name, length, err := quoted(text[i:])
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, token{name, true})
			i += length
		default:
			length := strings.IndexAny(text[i:], " \t\r\n(),\"")
			if length < 0 {
				length = len(text) - i
			}
			tokens = append(tokens, token{text: text[i : i+length]})
			i += length
		}
	}
	return tokens, nil
}

// quoted reads a name in quotes, in which a backslash goes before a quote or a backslash.
func quoted(text string) (name string, length int, err error) {
	var out strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return out.String(), i + 1, nil
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		out.WriteByte(text[i])
	}
	return "", 0, fmt.Errorf("a quote is not closed: %s", text)
}

type parser struct {
	tokens   []token
	at       int
	alarms   []string
	elements int
	depth    int
}

const maxDepth = 100

func (p *parser) done() bool { return p.at >= len(p.tokens) }

func (p *parser) peek() token {
	if p.done() {
		return token{}
	}
	return p.tokens[p.at]
}

func (p *parser) next() token {
	t := p.peek()
	p.at++
	return t
}

// expect takes a token that must be there.
func (p *parser) expect(word string) error {
	if p.done() {
		return fmt.Errorf("the rule ends where %s is expected", word)
	}
	if t := p.next(); !t.is(word) {
		return fmt.Errorf("%q stands where %s is expected", t.text, word)
	}
	return nil
}

func (p *parser) or() (node, error) {
	left, err := p.and()
	for err == nil && p.peek().is("OR") {
		p.next()
		var right node
		if right, err = p.and(); err == nil {
			left = either{left, right}
		}
	}
	return left, err
}

func (p *parser) and() (node, error) {
	left, err := p.unary()
	for err == nil && p.peek().is("AND") {
		p.next()
		var right node
		if right, err = p.unary(); err == nil {
			left = both{left, right}
		}
	}
	return left, err
}

func (p *parser) unary() (node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("the rule is nested deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	t := p.next()
	switch {
	case t.is("NOT"):
		of, err := p.unary()
		return not{of}, err
	case t.is("("):
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	case t.is("TRUE"), t.is("FALSE"):
		p.elements++
		return constant(t.is("TRUE")), nil
	case t.is("AT_LEAST"):
		return p.atLeast()
	}
	if state, ok := stateOf(t); ok {
		return p.state(state)
	}
	if t.text == "" && !t.quoted {
		return nil, fmt.Errorf("the rule ends where ALARM, OK, INSUFFICIENT_DATA, AT_LEAST, NOT, TRUE, FALSE or a parenthesis is expected")
	}
	return nil, fmt.Errorf("%q stands where ALARM, OK, INSUFFICIENT_DATA, AT_LEAST, NOT, TRUE, FALSE or a parenthesis is expected", t.text)
}

func stateOf(t token) (types.StateValue, bool) {
	for _, state := range types.StateValue("").Values() {
		if t.is(string(state)) {
			return state, true
		}
	}
	return "", false
}

func (p *parser) state(state types.StateValue) (node, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	name, err := p.alarm()
	if err != nil {
		return nil, err
	}
	return in{state, name}, p.expect(")")
}

// alarm takes an alarm's name or ARN; without quotes it may hold spaces.
func (p *parser) alarm() (string, error) {
	var words []string
	for !p.done() && !p.peek().is("(") && !p.peek().is(")") && !p.peek().is(",") {
		words = append(words, p.next().text)
	}
	name := strings.Join(words, " ")
	if name == "" {
		return "", fmt.Errorf("the name of an alarm is missing")
	}
	p.elements++
	if !slices.Contains(p.alarms, name) {
		p.alarms = append(p.alarms, name)
	}
	return name, nil
}

// atLeast reads AT_LEAST(2, ALARM, (a, b, c)), where the number may be a percentage and the state may have NOT before it.
func (p *parser) atLeast() (node, error) {
	var n atLeast
	if err := p.expect("("); err != nil {
		return nil, err
	}
	digits, percent := strings.CutSuffix(p.next().text, "%")
	count, err := strconv.Atoi(digits)
	if err != nil || count < 1 || percent && count > 100 {
		return nil, fmt.Errorf("AT_LEAST needs a number, or a percentage up to 100%%, and not %q", digits)
	}
	n.count, n.percent = count, percent
	if err := p.expect(","); err != nil {
		return nil, err
	}
	if n.not = p.peek().is("NOT"); n.not {
		p.next()
	}
	state, ok := stateOf(p.next())
	if n.state = state; !ok {
		return nil, fmt.Errorf("AT_LEAST needs ALARM, OK or INSUFFICIENT_DATA behind its number")
	}
	if err := p.expect(","); err != nil {
		return nil, err
	}
	if n.alarms, err = p.list(); err != nil {
		return nil, err
	}
	if !percent && count > len(n.alarms) {
		return nil, fmt.Errorf("AT_LEAST asks for %d of %d alarms", count, len(n.alarms))
	}
	return n, p.expect(")")
}

func (p *parser) list() (names []string, err error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	for {
		name, err := p.alarm()
		if err != nil {
			return nil, err
		}
		names = append(names, name)
		if !p.peek().is(",") {
			return names, p.expect(")")
		}
		p.next()
	}
}
