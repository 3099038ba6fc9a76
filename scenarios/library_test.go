package scenarios

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever opens a scenario of the library finds out what it teaches, and from where
// it is known that KOF does so.
func TestLibrary(t *testing.T) {
	files, err := filepath.Glob("library/*.yaml")
	require.NoError(t, err)
	all, err := Library()
	require.NoError(t, err)
	require.Len(t, all, len(files))
	for _, s := range all {
		require.NotEmpty(t, s.Teaches, s.Name)
		require.NotEmpty(t, s.Pins, s.Name)
		require.NotEmpty(t, s.Tags, s.Name)
		require.False(t, strings.HasSuffix(s.Title, "."), s.Name)
		require.True(t, slices.ContainsFunc(s.Steps, func(step Step) bool { return step.Check != nil }), "%s checks something", s.Name)
		found, err := Find(s.Name)
		require.NoError(t, err)
		require.Same(t, s, found)
		_, err = s.Topology()
		require.NoError(t, err, s.Name)
	}
}

func TestFindNamesTheNearest(t *testing.T) {
	_, err := Find("helthy-baseline")
	require.EqualError(t, err, `there is no scenario "helthy-baseline", did you mean "healthy-baseline"?`)
	_, err = Source("none")
	require.ErrorContains(t, err, `there is no scenario "none", choose one of `)
	_, err = Tagged("smoek")
	require.EqualError(t, err, `there is no tag "smoek", did you mean "smoke"?`)
}

func TestTagged(t *testing.T) {
	smoke, err := Tagged("smoke")
	require.NoError(t, err)
	require.NotEmpty(t, smoke)
	for _, s := range smoke {
		require.Contains(t, s.Tags, "smoke")
	}
	all, err := Tagged("")
	require.NoError(t, err)
	library, err := Library()
	require.NoError(t, err)
	require.Equal(t, library, all)
}

// What new writes can be run as it is.
func TestNew(t *testing.T) {
	for _, name := range []string{"my-outage", "42", "true", "a-name-that-is-longer-than-the-column-of-comments"} {
		b, err := New(name)
		require.NoError(t, err)
		s, err := Parse(name+".yaml", b)
		require.NoError(t, err)
		require.Equal(t, name, s.Name)
	}
	for _, name := range []string{"", "My Outage", "a: b", "x\ny"} {
		_, err := New(name)
		require.ErrorContains(t, err, "name", "%q", name)
	}
	b, err := New("x")
	require.NoError(t, err)
	for line := range bytes.Lines(b) {
		require.LessOrEqual(t, len(line), 120)
	}
}
