package cmd_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	sys "golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal: what is written to tty is read from screen.
func terminal(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { screen.Close() })
	fd := int(screen.Fd())
	require.NoError(t, sys.IoctlSetPointerInt(fd, sys.TIOCSPTLCK, 0))
	n, err := sys.IoctlGetInt(fd, sys.TIOCGPTN)
	require.NoError(t, err)
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|sys.O_NOCTTY, 0)
	require.NoError(t, err)
	return screen, tty
}

// A graph has colours on a terminal, and nowhere else or if they are not wanted.
func TestColoursAreForTerminals(t *testing.T) {
	l := startLab(t, "--preset", "minimal")
	query := []string{"query", "count by (cluster)(kube_node_info)", "--range", "1m", "-o", "graph", "--name", l.name}
	onTerminal := func(env ...string) string {
		screen, tty := terminal(t)
		ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
		defer cancel()
		c := exec.CommandContext(ctx, "koflab", query...)
		c.Env = append(append(os.Environ(), "XDG_STATE_HOME="+l.home.state(), "XDG_RUNTIME_DIR="+l.home.runtime(), "TERM=xterm", "NO_COLOR="), env...)
		c.Stdout = tty
		require.NoError(t, c.Start())
		require.NoError(t, tty.Close())
		shown, _ := io.ReadAll(screen) // ends with EIO when the last writer has gone
		require.NoError(t, c.Wait())
		require.Contains(t, string(shown), `{cluster="child-1"}`)
		return string(shown)
	}
	require.Contains(t, onTerminal(), "\x1b[")
	require.NotContains(t, onTerminal("NO_COLOR=1"), "\x1b")
	require.NotContains(t, onTerminal("TERM=dumb"), "\x1b")
	require.NotContains(t, l.output(query[:len(query)-2]...), "\x1b")
}
