package report

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

// forms are all ways to write a report.
var forms = map[string]func(io.Writer, Report) error{
	"sample.json": WriteJSON,
	"sample.xml":  WriteJUnit,
	"sample.md":   WriteMarkdown,
	"sample.html": WriteHTML,
	"sample.txt":  func(w io.Writer, r Report) error { return WriteTerminal(w, r, TerminalOptions{}) },
	"steps.txt":   func(w io.Writer, r Report) error { return WriteTerminal(w, r, TerminalOptions{Steps: true, Width: 72}) },
	"color.txt":   func(w io.Writer, r Report) error { return WriteTerminal(w, r, TerminalOptions{Color: true}) },
}

func written(t *testing.T, write func(io.Writer, Report) error, r Report) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, write(&b, r))
	return b.String()
}

func TestGolden(t *testing.T) {
	for name, write := range forms {
		t.Run(name, func(t *testing.T) {
			got := written(t, write, sample())
			for range 3 {
				require.Equal(t, got, written(t, write, sample()), "the same report gives other bytes")
			}
			path := filepath.Join("testdata", name)
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}
