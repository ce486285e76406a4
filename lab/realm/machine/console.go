package machine

import (
	"os"
	"path/filepath"
	"sync"
)

// consoleSize is how much of a console is shown: what GetConsoleOutput returns at most.
const consoleSize = 64 << 10

const consoleFile = "console.log"

// console keeps the end of what a machine prints, in a file that never grows beyond twice what is shown.
type console struct {
	mu   sync.Mutex
	file *os.File
	size int64
}

func openConsole(dir string) (*console, error) {
	file, err := os.OpenFile(filepath.Join(dir, consoleFile), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &console{file: file, size: info.Size()}, nil
}

// Write appends text.
func (c *console) Write(text []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.file.Write(text)
	c.size += int64(n)
	if err == nil && c.size > 2*consoleSize {
		err = c.shorten()
	}
	return n, err
}

func (c *console) shorten() error {
	end := make([]byte, consoleSize)
	n, err := c.file.ReadAt(end, c.size-consoleSize)
	if err != nil {
		return err
	}
	if err := c.file.Truncate(0); err != nil {
		return err
	}
	n, err = c.file.Write(end[:n])
	c.size = int64(n)
	return err
}

// Close closes the file.
func (c *console) Close() error { return c.file.Close() }

func readConsole(dir string) []byte {
	text, err := os.ReadFile(filepath.Join(dir, consoleFile))
	if err != nil {
		return nil // it never ran
	}
	return text[max(0, len(text)-consoleSize):]
}
