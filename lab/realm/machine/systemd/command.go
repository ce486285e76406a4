package systemd

import (
	"errors"
	"fmt"
	"strings"
)

// Command is one command line of a service.
type Command struct {
	Args []string
	// IgnoreFailure is the prefix "-"; Privileged the prefixes "+" and "!": not under the service's user.
	IgnoreFailure bool
	Privileged    bool
	literal       bool // prefix ":": no substitution of variables
}

func commands(field func(*Unit) *[]Command) setter {
	return func(u *Unit, value string) error {
		list := field(u)
		if value == "" {
			*list = nil
			return nil
		}
		c, err := parseCommand(value)
		if err != nil {
			return err
		}
		*list = append(*list, c)
		return nil
	}
}

func parseCommand(value string) (c Command, err error) {
	for value != "" && strings.ContainsRune("-:+!@", rune(value[0])) {
		switch value[0] {
		case '-':
			c.IgnoreFailure = true
		case ':':
			c.literal = true
		case '+', '!':
			c.Privileged = true
		case '@':
			return c, errors.New("the lab does not implement the prefix @")
		}
		value = value[1:]
	}
	if c.Args, err = split(value); err != nil {
		return c, err
	}
	if len(c.Args) == 0 {
		return c, errors.New("the command is empty")
	}
	return c, nil
}

// Resolve substitutes variables: ${NAME} anywhere becomes its value as part of a word; a word that is $NAME becomes as
// many words as its value has.
func (c Command) Resolve(environ []string) []string {
	if c.literal {
		return c.Args
	}
	values := map[string]string{}
	for _, assignment := range environ {
		name, value, _ := strings.Cut(assignment, "=")
		values[name] = value
	}
	out := []string{c.Args[0]}
	for _, word := range c.Args[1:] {
		if name, ok := strings.CutPrefix(word, "$"); ok && validName(name) {
			out = append(out, strings.Fields(values[name])...)
			continue
		}
		out = append(out, substitute(word, values))
	}
	return out
}

func substitute(word string, values map[string]string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(word, "$")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		switch {
		case strings.HasPrefix(rest, "$"): // $$ is a dollar
			b.WriteByte('$')
			word = rest[1:]
		case strings.HasPrefix(rest, "{") && strings.Contains(rest, "}"):
			name, after, _ := strings.Cut(rest[1:], "}")
			b.WriteString(values[name])
			word = after
		default:
			b.WriteByte('$')
			word = rest
		}
	}
}

// split cuts a line into words as systemd does: spaces, single and double quotes, backslash escapes.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	open, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\' && i+1 < len(line):
			i++
			word.WriteString(unescape(line[i]))
			open = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, open = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if open {
				words = append(words, word.String())
				word.Reset()
				open = false
			}
		default:
			word.WriteByte(c)
			open = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote (%c) is not closed", quote)
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}

func unescape(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 's':
		return " "
	case '\\', '"', '\'', ' ':
		return string(c)
	}
	return `\` + string(c)
}
