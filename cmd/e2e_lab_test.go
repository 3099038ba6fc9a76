package cmd_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/topology/lab/control"
	"koflab/topology/lab/state"
)

// commandTimeout bounds one koflab command, the start of a lab included.
const commandTimeout = 90 * time.Second

// home is a place of its own for labs: state and sockets of none other are in
// it. The path is short because sockets have theirs in it.
type home string

// newHome makes one that is gone, with all of its labs, when the test ends.
//
// With -short the test is skipped: these labs run up to 120 times as fast as real
// time, which their deadlines take for granted and the race detector does not
// give. Labs of topology/lab and the scripts run under it.
func newHome(t *testing.T) home {
	t.Helper()
	if testing.Short() {
		t.Skip("a lab of its own on a fast clock: left out with -short, as under the race detector")
	}
	dir, err := os.MkdirTemp("", "kl")
	require.NoError(t, err)
	h := home(dir)
	// Detached labs outlive who started them, so the end of the test must not depend
	// on the test: this process waits for it to close the pipe or to be killed.
	keeper := exec.Command("sh", "-c", `cat; koflab down --all >"$0/down.log" 2>&1 && rm -r "$0"`, dir)
	keeper.Env = h.environ()
	keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // an interrupt is not for it
	alive, err := keeper.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, keeper.Start())
	t.Cleanup(func() {
		require.NoError(t, alive.Close())
		if err := keeper.Wait(); err != nil {
			log, _ := os.ReadFile(filepath.Join(dir, "down.log")) // may not be there
			require.NoError(t, err, "%s", log)
		}
	})
	return h
}

func (h home) state() string   { return filepath.Join(string(h), "state") }
func (h home) runtime() string { return filepath.Join(string(h), "run") }

func (h home) environ() []string {
	return append(os.Environ(), "XDG_STATE_HOME="+h.state(), "XDG_RUNTIME_DIR="+h.runtime())
}

// run runs a koflab command and returns what it printed and its exit code.
func (h home) run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	var out, errOut bytes.Buffer
	c := exec.CommandContext(ctx, "koflab", args...)
	c.Env = h.environ()
	c.Stdout, c.Stderr = &out, &errOut
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err, "koflab %v", args)
	}
	require.NoError(t, ctx.Err(), "koflab %v took longer than %s\n%s%s", args, commandTimeout, out.String(), errOut.String())
	return out.String(), errOut.String(), c.ProcessState.ExitCode()
}

// testLab is a detached lab that a real koflab has brought up.
type testLab struct {
	*testing.T
	home    home
	name    string
	record  state.Record
	control *control.Client
}

// startLab brings up a detached lab with these arguments of `koflab up` in a
// home of its own. At the end of the test `koflab down` takes it down, and
// nothing of it may be left.
func startLab(t *testing.T, args ...string) *testLab {
	t.Helper()
	return startLabIn(t, newHome(t), "e2e", args...)
}

// startLabIn is startLab for labs that share a home.
func startLabIn(t *testing.T, h home, name string, args ...string) *testLab {
	t.Helper()
	out, errOut, code := h.run(t, append([]string{"up", "--detach", "--name", name}, args...)...)
	require.Zero(t, code, "koflab up %v\n%s%s", args, out, errOut)
	require.Regexp(t, `(?m)^lab `+name+` ready in \d+\.\d+s$`, out)
	l := &testLab{T: t, home: h, name: name}
	b, err := os.ReadFile(filepath.Join(h.state(), "koflab", "labs", name, "state.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &l.record))
	l.control = control.NewClient(l.record.Socket)
	t.Cleanup(l.down)
	return l
}

// down takes the lab down and looks for what it may have left.
func (l *testLab) down() {
	l.Helper()
	if l.Failed() {
		l.report()
	}
	l.control.Close()
	out, errOut, code := l.run("down")
	require.Zero(l, code, "koflab down: %s%s", out, errOut)
	require.Contains(l, []string{"lab " + l.name + " is down\n", "lab " + l.name + " is not there: nothing to do\n"}, out)
	l.eventually(10*time.Second, "the lab's process ends", func() error {
		if running(l.record.PID) {
			return fmt.Errorf("process %d is alive", l.record.PID)
		}
		return nil
	})
	require.NoDirExists(l, filepath.Join(l.home.state(), "koflab", "labs", l.name))
	require.NoFileExists(l, l.record.Socket)
}

// running reports whether a process is alive. One that has ended and that nobody
// has waited for, as where there is no init, is not.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	_, after, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(after, "Z")
}

// report tells what a failed test's lab has to say.
func (l *testLab) report() {
	for _, args := range [][]string{{"status"}, {"events"}} {
		out, errOut, _ := l.run(args...)
		l.Logf("koflab %s:\n%s%s", args[0], out, errOut)
	}
	if b, err := os.ReadFile(filepath.Join(l.home.state(), "koflab", "labs", l.name, "lab.log")); err == nil {
		l.Logf("lab.log:\n%s", b)
	}
}

// run runs a command on this lab.
func (l *testLab) run(args ...string) (stdout, stderr string, code int) {
	l.Helper()
	return l.home.run(l.T, append(args, "--name", l.name)...)
}

// output runs a command that must succeed and returns its standard output.
func (l *testLab) output(args ...string) string {
	l.Helper()
	out, errOut, code := l.run(args...)
	require.Zero(l, code, "koflab %v\n%s%s", args, out, errOut)
	return out
}

// outputJSON decodes what a command that must succeed prints with -o json.
func (l *testLab) outputJSON(into any, args ...string) {
	l.Helper()
	out := l.output(append(args, "-o", "json")...)
	require.NoError(l, json.Unmarshal([]byte(out), into), out)
}

// access returns URLs, users and CA certificate as `koflab endpoints` prints them.
func (l *testLab) access() control.Access {
	l.Helper()
	var a control.Access
	l.outputJSON(&a, "endpoints", "--credentials")
	return a
}

// url is an endpoint of a cluster.
func (l *testLab) url(cluster, endpoint string) string {
	l.Helper()
	for _, c := range l.access().Clusters {
		if c.Name == cluster {
			require.NotEmpty(l, c.Endpoints[endpoint], "endpoint %s of %s in %v", endpoint, cluster, c.Endpoints)
			return c.Endpoints[endpoint]
		}
	}
	require.Failf(l, "no such cluster", "%s", cluster)
	return ""
}

// user returns the credentials with which a cluster writes to its region, or
// the administrator's of a region for "(admin)".
func (l *testLab) user(cluster, region string) control.Credentials {
	l.Helper()
	for _, c := range l.access().Credentials {
		if c.Cluster == cluster && c.Region == region {
			return c
		}
	}
	require.Failf(l, "no such user", "%s at %s", cluster, region)
	return control.Credentials{}
}

// admin names a region's administrator among the credentials.
const admin = "(admin)"

// httpClient returns a client from outside that trusts the lab's CA.
func (l *testLab) httpClient() *http.Client {
	l.Helper()
	pool := x509.NewCertPool()
	require.True(l, pool.AppendCertsFromPEM([]byte(l.access().CA)))
	tr := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		DialContext:     (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	}
	l.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second}
}

// status is the lab's state as `koflab status -o json` prints it.
func (l *testLab) status() control.Status {
	l.Helper()
	var s control.Status
	l.outputJSON(&s, "status")
	return s
}

// now is the lab's time.
func (l *testLab) now() time.Time {
	l.Helper()
	s, err := l.control.Status(l.Context())
	require.NoError(l, err)
	return s.Clock.Now
}

// setListeners takes a region off the network or back.
func (l *testLab) setListeners(region string, up bool) {
	l.Helper()
	require.NoError(l, l.control.SetListeners(l.Context(), region, up))
}

// flush waits until all that the collectors hold has been sent.
func (l *testLab) flush() {
	l.Helper()
	ctx, cancel := context.WithTimeout(l.Context(), 30*time.Second)
	defer cancel()
	require.NoError(l, l.control.Flush(ctx))
}

// eventually polls until f returns no complaint; the last one fails the test.
func (l *testLab) eventually(within time.Duration, what string, f func() error) {
	l.Helper()
	deadline := time.Now().Add(within)
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			require.Failf(l, what, "not within %s: %v", within, err)
		}
		time.Sleep(wait)
	}
}

// passTime waits until so much of the lab's time has gone by.
func (l *testLab) passTime(d time.Duration) {
	l.Helper()
	l.reachTime(l.now().Add(d))
}

// reachTime waits until the lab's clock shows an instant.
func (l *testLab) reachTime(t time.Time) {
	l.Helper()
	s, err := l.control.Status(l.Context())
	require.NoError(l, err)
	if left := t.Sub(s.Clock.Now); left > 0 {
		time.Sleep(time.Duration(float64(left) / s.Clock.Speed))
	}
	require.False(l, l.now().Before(t), "the lab's clock has not reached %s", t)
}

// lines splits non-empty lines.
func lines(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == '\n' })
}
