package state_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"koflab/topology/lab/state"
)

func isolated(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	t.Setenv("XDG_STATE_HOME", filepath.Join(root, "state"))
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(root, "run"))
	return root
}

func TestALabLivesAsLongAsItsLock(t *testing.T) {
	root := isolated(t)
	d, err := state.At("demo")
	require.NoError(t, err)
	require.False(t, d.Exists())
	require.False(t, d.Alive())
	_, err = d.Read()
	require.ErrorIs(t, err, state.ErrNotFound)

	require.NoError(t, d.Claim())
	require.NoError(t, d.Write(state.Record{Name: "demo", PID: 42, Spec: "x"}))
	require.True(t, d.Alive())

	other, err := state.At("demo")
	require.NoError(t, err)
	var running *state.RunningError
	require.ErrorAs(t, other.Claim(), &running)
	require.Equal(t, 42, running.PID)
	require.ErrorContains(t, running, "koflab down --name demo")

	names, err := state.List()
	require.NoError(t, err)
	require.Equal(t, []string{"demo"}, names)

	d.Release() // as the kernel does when a process is killed
	require.False(t, d.Alive())
	r, err := d.Read()
	require.NoError(t, err)
	require.Equal(t, "x", r.Spec)

	require.NoError(t, other.Claim())
	require.NoError(t, other.Remove(false))
	left, err := filepath.Glob(filepath.Join(root, "state", "*"))
	require.NoError(t, err)
	require.Empty(t, left, "the last lab leaves nothing behind")
}

func TestRemoveKeepsDataWhenAsked(t *testing.T) {
	isolated(t)
	d, err := state.At("demo")
	require.NoError(t, err)
	require.NoError(t, d.Claim())
	require.NoError(t, os.MkdirAll(d.Data(), 0o700))
	require.NoError(t, d.Remove(true))
	require.DirExists(t, d.Data())
	require.False(t, d.Alive())
}

func TestReadRefusesWhatItDoesNotKnow(t *testing.T) {
	isolated(t)
	d, err := state.At("demo")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(d.Path(), 0o700))
	for _, c := range []struct{ content, want string }{
		{`{"version": 99}`, "written by another koflab"},
		{`{"version": `, "is damaged"},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(d.Path(), "state.json"), []byte(c.content), 0o600))
		_, err = d.Read()
		require.ErrorContains(t, err, c.want)
		require.ErrorContains(t, err, "koflab down")
	}
}

func TestClaimInADirectoryThatCannotBeWritten(t *testing.T) {
	root := isolated(t)
	file := filepath.Join(root, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	t.Setenv("XDG_STATE_HOME", file)
	d, err := state.At("demo")
	require.NoError(t, err)
	require.ErrorContains(t, d.Claim(), "set XDG_STATE_HOME to a directory you can write")
}

func TestWriteFileReplacesWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	require.NoError(t, state.WriteFile(path, []byte("one"), 0o600))
	require.NoError(t, state.WriteFile(path, []byte("two"), 0o600))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "two", string(b))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file is left")
}

func TestSocketPathsStayShort(t *testing.T) {
	isolated(t)
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/with/a/very/long/name/that/does/not/fit/into/a/socket/address/of/a/unix/system")
	d, err := state.At("a-name-of-some-length")
	require.NoError(t, err)
	require.Less(t, len(d.Socket()), 104)
}
