package state_test

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"koflab/topology/lab/state"
)

func TestExitWaitsForTheProcess(t *testing.T) {
	isolated(t)
	d, err := state.At("demo")
	require.NoError(t, err)
	d.Exit()(time.Minute) // nothing is there to wait for
	process := exec.Command("sleep", "600")
	require.NoError(t, process.Start())
	pid := process.Process.Pid
	ended := func() bool {
		reaped, err := unix.Wait4(pid, nil, unix.WNOHANG, nil)
		require.NoError(t, err)
		return reaped == pid
	}
	require.NoError(t, d.Claim())
	require.NoError(t, d.Write(state.Record{Name: "demo", PID: pid}))

	d.Exit()(time.Millisecond)
	require.False(t, ended(), "it gives up")
	wait := d.Exit()
	require.NoError(t, process.Process.Kill())
	wait(time.Minute)
	require.True(t, ended())
	d.Exit()(time.Minute) // long gone
	require.NoError(t, d.Remove(false))
}
