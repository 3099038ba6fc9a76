package state_test

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

func TestKeptDataHasNoProcess(t *testing.T) {
	isolated(t)
	d, err := state.At("demo")
	require.NoError(t, err)
	require.NoError(t, d.Claim())
	require.NoError(t, d.Write(state.Record{Name: "demo", PID: 42, Spec: "x"}))
	require.NoError(t, d.Remove(true))
	r, err := d.Read()
	require.NoError(t, err)
	require.Equal(t, "x", r.Spec)
	require.Zero(t, r.PID)
}

// A command that looks whether a lab is alive does not keep one from starting,
// and two that look do not take each other for a lab.
func TestLookingIsNotLiving(t *testing.T) {
	isolated(t)
	d, err := state.At("demo")
	require.NoError(t, err)
	require.NoError(t, d.Claim())
	d.Release()
	var looking sync.WaitGroup
	var seen atomic.Bool
	look := func() {
		for range 500 {
			if d.Alive() {
				seen.Store(true)
			}
		}
	}
	for range 4 {
		looking.Go(look)
	}
	looking.Wait()
	require.False(t, seen.Load())
	looking.Go(look)
	for range 100 {
		require.NoError(t, d.Claim())
		d.Release()
	}
	looking.Wait()
}

func TestClaimWaitsForProcessesOfAKilledLab(t *testing.T) {
	isolated(t)
	d, err := state.At("demo")
	require.NoError(t, err)
	require.NoError(t, d.Claim())
	require.NoError(t, d.Write(state.Record{Name: "demo", PID: 42}))
	helper, err := state.Hold(d.HelperLock())
	require.NoError(t, err)
	d.Release()

	next, err := state.At("demo")
	require.NoError(t, err)
	claimed := make(chan error, 1)
	go func() { claimed <- next.Claim() }()
	require.Eventually(t, next.Alive, 5*time.Second, time.Millisecond, "the name is taken while it waits")
	require.Empty(t, claimed, "it has not got the data yet")
	require.NoError(t, helper.Close())
	require.NoError(t, <-claimed)
	require.NoError(t, next.Remove(false))
}

func TestAFailedClaimLeavesNothing(t *testing.T) {
	root := isolated(t)
	file := filepath.Join(root, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	t.Setenv("XDG_RUNTIME_DIR", file)
	d, err := state.At("demo")
	require.NoError(t, err)
	require.ErrorContains(t, d.Claim(), "set XDG_RUNTIME_DIR to a directory you can write")
	require.NoDirExists(t, filepath.Join(root, "state", "koflab"))
}

func TestTidyLeavesRecordedLabsAlone(t *testing.T) {
	root := isolated(t)
	d, err := state.At("demo")
	require.NoError(t, err)
	require.NoError(t, d.Tidy(), "nothing is there")
	require.NoError(t, os.MkdirAll(d.Path(), 0o700))
	require.NoError(t, os.WriteFile(d.LogFile(), []byte("why it failed"), 0o600))
	require.NoError(t, d.Claim())
	other, err := state.At("demo")
	require.NoError(t, err)
	require.NoError(t, other.Tidy())
	require.FileExists(t, d.LogFile(), "a live process has the name")
	d.Release()
	require.NoError(t, other.Tidy())
	require.NoDirExists(t, filepath.Join(root, "state", "koflab"))

	require.NoError(t, d.Claim())
	require.NoError(t, d.Write(state.Record{Name: "demo"}))
	d.Release()
	require.NoError(t, d.Tidy())
	require.DirExists(t, d.Path())
}

// A shell with another XDG_RUNTIME_DIR finds the lab too.
func TestTheRecordSaysWhereTheSocketIs(t *testing.T) {
	root := isolated(t)
	d, err := state.At("demo")
	require.NoError(t, err)
	require.NoError(t, d.Claim())
	require.NoError(t, d.Write(state.Record{Name: "demo", Socket: d.NewSocket()}))
	require.NoError(t, os.WriteFile(d.NewSocket(), nil, 0o600))
	d.Release()

	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(root, "elsewhere"))
	other, err := state.At("demo")
	require.NoError(t, err)
	require.NotEqual(t, d.NewSocket(), other.NewSocket())
	require.Equal(t, d.NewSocket(), other.Socket())
	require.NoError(t, other.Claim())
	require.NoFileExists(t, d.NewSocket(), "what a dead lab left")
	require.NoError(t, other.Remove(false))
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
