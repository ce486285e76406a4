package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// write copies what is kept to a new folder.
func (c *cut) write(out string) error {
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	for dir, files := range c.kept {
		if len(files) == 0 {
			continue
		}
		target := filepath.Join(out, filepath.FromSlash(dir))
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		for name := range files {
			if err := os.WriteFile(filepath.Join(target, name), c.text(dir, name), 0o644); err != nil {
				return err
			}
			if err := c.copyEmbedded(dir, name, target); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"go.mod", "go.sum", "LICENSE"} {
		if err := copyFile(filepath.Join(c.root, name), filepath.Join(out, name)); err != nil {
			return err
		}
	}
	return nil
}

// text is a kept file's content: as it was, but for the two lists.
func (c *cut) text(dir, name string) []byte {
	switch {
	case dir == providerDir && name == listFile:
		return c.serviceList()
	case dir == connsDir && name == clientsFile:
		return c.catalog.clientMethods(c.clients)
	default:
		return c.packages[dir].files[name].text
	}
}

func (c *cut) copyEmbedded(dir, name, target string) error {
	for _, pattern := range embeds(c.packages[dir].files[name].file) {
		matches, err := filepath.Glob(filepath.Join(c.root, filepath.FromSlash(dir), pattern))
		if err != nil {
			return err
		}
		for _, match := range matches {
			if err := copyFile(match, filepath.Join(target, filepath.Base(match))); err != nil {
				return err
			}
		}
	}
	return nil
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}

// summary says what was kept, in one line.
func (c *cut) summary() string {
	files, clientOnly := 0, 0
	for _, names := range c.kept {
		files += len(names)
	}
	for _, s := range c.services {
		if s.omits("any") {
			clientOnly++
		}
	}
	return fmt.Sprintf("kept %d services, %d more for their clients, %d files",
		len(c.services)-clientOnly, clientOnly, files)
}
