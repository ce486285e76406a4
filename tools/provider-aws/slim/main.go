// Command slim writes a cut copy of the Terraform AWS provider's source: the services named in a list, and
// whatever their code reaches, file by file. Everything else, two hundred services with their API clients, is
// left out, which takes the build from most of an hour of processor time to a few minutes.
//
// The cut works on syntax alone: a file is kept when a kept file names something that it declares. That keeps
// a little too much and never too little. The same input gives the same output, byte for byte.
//
// Usage: slim -upstream <dir> -services <file> -out <dir>
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	upstream := flag.String("upstream", "", "folder of the whole provider's source")
	list := flag.String("services", "services.txt", "file that names the services to keep")
	out := flag.String("out", "", "folder to write, which must not exist")
	flag.Parse()
	if err := run(*upstream, *list, *out); err != nil {
		fmt.Fprintf(os.Stderr, "slim: %v\n", err)
		os.Exit(1)
	}
}

func run(upstream, list, out string) error {
	kept, err := readServices(list)
	if err != nil {
		return err
	}
	cut, err := newCut(upstream, kept)
	if err != nil {
		return err
	}
	if err := cut.reach(); err != nil {
		return err
	}
	if err := cut.write(out); err != nil {
		return fmt.Errorf("writing the cut provider to %s: %w", out, err)
	}
	fmt.Fprintln(os.Stderr, cut.summary())
	return nil
}
