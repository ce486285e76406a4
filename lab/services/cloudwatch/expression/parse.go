package expression

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Expression is an expression that was read.
type Expression struct {
	root node
	ids  []string
	all  bool // METRICS() is in it
}

// IDs returns the ids of the queries that the expression names.
func (e *Expression) IDs() []string { return e.ids }

// UsesAll tells whether the expression takes all metrics of its request, by METRICS().
func (e *Expression) UsesAll() bool { return e.all }

// Parse reads an expression.
func Parse(source string) (*Expression, error) {
	if fields := strings.Fields(source); len(fields) > 0 && strings.EqualFold(fields[0], "SELECT") {
		return nil, fmt.Errorf("the lab does not implement Metrics Insights queries (SELECT …)")
	}
	tokens, err := split(source)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens, out: &Expression{}}
	p.out.root, err = p.binary(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != end {
		return nil, fmt.Errorf("%q is not expected after a complete expression", t.text)
	}
	return p.out, nil
}

type parser struct {
	tokens []token
	at     int
	depth  int
	out    *Expression
}

const maxDepth = 100

func (p *parser) peek() token {
	if p.at >= len(p.tokens) {
		return token{kind: end}
	}
	return p.tokens[p.at]
}

func (p *parser) next() token {
	t := p.peek()
	p.at++
	return t
}

// levels are the operators from the loosest to the closest.
var levels = [][]string{{"||", "OR"}, {"&&", "AND"}, {"==", "!=", "<", "<=", ">", ">="}, {"+", "-"}, {"*", "/"}}

// operator returns the operator of a level that is next, or "".
func (p *parser) operator(level int) string {
	t := p.peek()
	if t.kind == symbol || t.kind == word {
		if i := slices.Index(levels[level], strings.ToUpper(t.text)); i >= 0 {
			return levels[level][i]
		}
	}
	return ""
}

func (p *parser) binary(level int) (node, error) {
	if level == len(levels) {
		return p.power()
	}
	left, err := p.binary(level + 1)
	for err == nil {
		operator := p.operator(level)
		if operator == "" {
			break
		}
		p.next()
		var right node
		if right, err = p.binary(level + 1); err == nil {
			left = operation{operators[operator], left, right}
		}
	}
	return left, err
}

// power reads a ^ b, which goes from right to left.
func (p *parser) power() (node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("the expression is nested deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	if p.peek().is("-") {
		p.next()
		of, err := p.power()
		return operation{operators["-"], constant(0), of}, err
	}
	base, err := p.primary()
	if err != nil || !p.peek().is("^") {
		return base, err
	}
	p.next()
	exponent, err := p.power()
	return operation{operators["^"], base, exponent}, err
}

func (p *parser) primary() (node, error) {
	t := p.next()
	switch {
	case t.kind == literal:
		value, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number", t.text)
		}
		return constant(value), nil
	case t.is("("):
		inner, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	case t.is("["):
		elements, err := p.arguments("]")
		return elementsOf(elements), err
	case t.kind == word && p.peek().is("("):
		p.next()
		return p.call(strings.ToUpper(t.text))
	case t.kind == word:
		if !slices.Contains(p.out.ids, t.text) {
			p.out.ids = append(p.out.ids, t.text)
		}
		return reference(t.text), nil
	case t.kind == end:
		return nil, fmt.Errorf("the expression ends where a value is expected")
	}
	return nil, fmt.Errorf("%q stands where a value is expected", t.text)
}

func (p *parser) expect(s string) error {
	if t := p.next(); !t.is(s) {
		return fmt.Errorf("%q stands where %s is expected", t.text, s)
	}
	return nil
}

// arguments reads values with commas between them, and the closing sign.
func (p *parser) arguments(closing string) (all []node, err error) {
	if p.peek().is(closing) {
		p.next()
		return nil, nil
	}
	for {
		one, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
		if !p.peek().is(",") {
			return all, p.expect(closing)
		}
		p.next()
	}
}

// call reads a function's arguments.
func (p *parser) call(name string) (node, error) {
	switch name {
	case "METRICS":
		return p.metrics()
	case "FILL":
		return p.fill()
	}
	f, ok := functions[name]
	if !ok {
		return nil, fmt.Errorf("the lab does not implement the metric math function %s; it has %s", name, strings.Join(functionNames(), ", "))
	}
	arguments, err := p.arguments(")")
	if err != nil {
		return nil, err
	}
	if len(arguments) < f.least || len(arguments) > f.most {
		return nil, fmt.Errorf("%s takes %d to %d arguments, and not %d", name, f.least, f.most, len(arguments))
	}
	return call{f, arguments}, nil
}

// metrics reads METRICS(), or METRICS("text"): those whose id holds the text.
func (p *parser) metrics() (node, error) {
	p.out.all = true
	filter := ""
	if p.peek().kind == text {
		filter = p.next().text
	}
	return allMetrics(filter), p.expect(")")
}

// fill reads FILL(m1, 0), FILL(m1, REPEAT) and FILL(m1, LINEAR).
func (p *parser) fill() (node, error) {
	of, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	if err := p.expect(","); err != nil {
		return nil, err
	}
	f := fill{of: of}
	switch how := strings.ToUpper(p.peek().text); {
	case p.peek().kind == word && (how == "REPEAT" || how == "LINEAR"):
		f.how = how
		p.next()
	default:
		if f.with, err = p.binary(0); err != nil {
			return nil, err
		}
	}
	return f, p.expect(")")
}
