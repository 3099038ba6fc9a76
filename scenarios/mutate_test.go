package scenarios

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestParseOfMutilatedFiles is what FuzzParse looks for, in every run of the tests:
// files that somebody is in the middle of writing get problems with places, soon.
func TestParseOfMutilatedFiles(t *testing.T) {
	files, err := filepath.Glob("library/*.yaml")
	require.NoError(t, err)
	more, err := filepath.Glob("testdata/invalid/*.yaml")
	require.NoError(t, err)
	var texts [][]byte
	for _, file := range append(files, more...) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		texts = append(texts, text)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		text := mutilate(random, texts)
		began := time.Now()
		s, err := Parse("text", text)
		if took := time.Since(began); took > 5*time.Second {
			t.Fatalf("%s for\n%s", took, text)
		}
		if err == nil {
			require.Equal(t, s, again(t, s))
			continue
		}
		for _, p := range problems(t, err) {
			if p.Line < 1 || p.Column < 1 || p.Message == "" {
				t.Fatalf("problem without a place: %+v of\n%s", p, text)
			}
		}
	}
}

// mutilate cuts, doubles and swaps lines and pieces of lines of a text.
func mutilate(r *rand.Rand, texts [][]byte) []byte {
	lines := bytes.SplitAfter(bytes.Clone(texts[r.IntN(len(texts))]), []byte("\n"))
	for range 1 + r.IntN(4) {
		i, j := r.IntN(len(lines)), r.IntN(len(lines))
		switch line := lines[i]; r.IntN(6) {
		case 0:
			lines[i] = nil
		case 1:
			lines[i], lines[j] = lines[j], lines[i]
		case 2:
			lines[i] = append(bytes.Clone(line), lines[j]...)
		case 3:
			if len(line) > 0 {
				a := r.IntN(len(line))
				lines[i] = append(bytes.Clone(line[:a]), line[min(len(line), a+1+r.IntN(4)):]...)
			}
		case 4:
			if len(line) > 0 {
				a := r.IntN(len(line))
				lines[i] = append(append(bytes.Clone(line[:a]), "{}[]:,-'\"#&*!|>%~0x \t"[r.IntN(21)]), line[a:]...)
			}
		case 5:
			other := bytes.SplitAfter(texts[r.IntN(len(texts))], []byte("\n"))
			lines[i] = bytes.Clone(other[r.IntN(len(other))])
		}
	}
	return bytes.Join(lines, nil)
}
