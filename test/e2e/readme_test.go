package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// anInstance is where the README leaves the reader to fill in a server.
const anInstance = "i-…"

var (
	breaking    = regexp.MustCompile("(?s)\n## Try to break it\n.*?```console\n(.*?)```")
	killsTheLab = regexp.MustCompile(`^kill -9 `) // as the next step does
)

// toBreak are the commands under "Try to break it", with a server filled in.
func toBreak(readme, server string) (commands []string) {
	block := breaking.FindStringSubmatch(readme)
	if block == nil {
		return nil
	}
	for line := range strings.Lines(block[1]) {
		command, _, _ := strings.Cut(line, " #")
		if command = strings.TrimSpace(command); command != "" && !killsTheLab.MatchString(command) {
			commands = append(commands, strings.ReplaceAll(command, anInstance, server))
		}
	}
	return commands
}

// readme types what the README offers a newcomer to break, one after the other, each in an environment that is whole.
func (c *clone) readme(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(c.dir, "README.md"))
	require.NoError(t, err)
	count := len(toBreak(string(raw), ""))
	require.GreaterOrEqual(t, count, 5)
	for i := range count {
		c.must(time.Minute, "bash", "-c", toBreak(string(raw), c.status().Servers[0].ID)[i])
		c.haven("lab", "fault", "heal", "--all")
	}
	require.True(t, c.status().Ready)
}

func TestCommandsAreFoundInTheReadme(t *testing.T) {
	text := "\n## Try to break it\n\n```console\nhaven lab fault blackhole i-…   # deaf\n\nkill -9 \"$(it)\"\naws i-… \n```\n\n## AWS\n\n```console\npulumi up\n```\n"
	require.Equal(t, []string{"haven lab fault blackhole i-1", "aws i-1"}, toBreak(text, "i-1"))
	require.Empty(t, toBreak("# Nothing", "i-1"))
}
