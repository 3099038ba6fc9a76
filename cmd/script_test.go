package cmd_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"koflab/topology/lab/control"
	"koflab/topology/lab/state"
)

// TestScripts runs koflab as people and scripts do. Each script has a home of
// its own; the commands beside testscript's are those of scriptCommands.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Cmds:                scriptCommands,
		Setup: func(env *testscript.Env) error {
			dir, err := os.MkdirTemp("", "ks") // sockets want a short path
			if err != nil {
				return err
			}
			h := home(dir)
			env.Values[homeKey{}] = h
			env.Setenv("XDG_STATE_HOME", h.state())
			env.Setenv("XDG_RUNTIME_DIR", h.runtime())
			env.Setenv("LABS", h.labs())
			env.Defer(func() {
				for _, pid := range h.processes() {
					_ = syscall.Kill(pid, syscall.SIGKILL) // only after a script that failed
				}
				_ = os.RemoveAll(dir)
			})
			return nil
		},
	})
}

type homeKey struct{}

func homeOf(ts *testscript.TestScript) home { return ts.Value(homeKey{}).(home) }

var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	// exits CODE program [args]: runs it and wants this exit code.
	"exits": func(ts *testscript.TestScript, _ bool, args []string) {
		want, err := strconv.Atoi(args[0])
		ts.Check(err)
		err = ts.Exec(args[1], args[2:]...)
		var exit *exec.ExitError
		got := 0
		if errors.As(err, &exit) {
			got = exit.ExitCode()
		} else {
			ts.Check(err)
		}
		if got != want {
			ts.Fatalf("exit code %d, want %d", got, want)
		}
	},
	// claimed NAME: waits until a lab that starts has taken its name.
	"claimed": func(ts *testscript.TestScript, _ bool, args []string) {
		waitFor(ts, "lab "+args[0]+" is recorded", func() bool {
			_, err := homeOf(ts).record(args[0])
			return err == nil
		})
	},
	// phase PHASE NAME: waits until a lab in the background is in this phase.
	"phase": func(ts *testscript.TestScript, _ bool, args []string) {
		waitFor(ts, "lab "+args[1]+" is "+args[0], func() bool {
			r, err := homeOf(ts).record(args[1])
			if err != nil {
				return false
			}
			c := control.NewClient(r.Socket)
			defer c.Close()
			s, err := c.Status(context.Background())
			return err == nil && s.Phase == args[0]
		})
	},
	// signal KILL|TERM|HUP NAME: sends a signal to a lab's process, and waits
	// until it has ended.
	"signal": func(ts *testscript.TestScript, _ bool, args []string) {
		h := homeOf(ts)
		r, err := h.record(args[1])
		ts.Check(err)
		ts.Check(syscall.Kill(r.PID, signals[args[0]]))
		waitFor(ts, "lab "+args[1]+" has ended", func() bool { return !h.locked(args[1]) })
	},
	// signal-all INT: sends a signal to every process of this home, as a terminal
	// does to those in its foreground.
	"signal-all": func(ts *testscript.TestScript, _ bool, args []string) {
		for _, pid := range homeOf(ts).processes() {
			ts.Check(syscall.Kill(pid, signals[args[0]]))
		}
	},
	// block VARIABLE: sets it to the first two numbers of a loopback block that no
	// lab picks by itself and no other script has, until the script ends.
	"block": func(ts *testscript.TestScript, _ bool, args []string) {
		for b := 2; b < 20; b++ {
			block := fmt.Sprintf("127.%d", b)
			l, err := net.Listen("tcp", block+".255.1:48100")
			if err == nil {
				ts.Defer(func() { l.Close() })
				ts.Setenv(args[0], block)
				return
			}
		}
		ts.Fatalf("no loopback block is free")
	},
	// occupy ADDRESS: listens there until the script ends.
	"occupy": func(ts *testscript.TestScript, _ bool, args []string) {
		l, err := net.Listen("tcp", args[0])
		ts.Check(err)
		ts.Defer(func() { l.Close() })
	},
	// nothing-left: no file, socket or process of any lab of this home.
	"nothing-left": func(ts *testscript.TestScript, _ bool, _ []string) {
		h := homeOf(ts)
		for _, dir := range []string{h.state(), h.runtime()} {
			err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
				if path != dir && err == nil {
					ts.Fatalf("left behind: %s", path)
				}
				return nil
			})
			ts.Check(err)
		}
		waitFor(ts, "the processes of the home have ended", func() bool { return len(h.processes()) == 0 })
	},
}

var signals = map[string]syscall.Signal{
	"KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "INT": syscall.SIGINT,
}

// waitFor polls for as long as a command may take.
func waitFor(ts *testscript.TestScript, what string, f func() bool) {
	const limit = 30 * time.Second
	deadline := time.Now().Add(limit)
	for !f() {
		if time.Now().After(deadline) {
			ts.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (h home) labs() string { return filepath.Join(h.state(), "koflab", "labs") }

// record reads what a lab of this home has recorded of itself.
func (h home) record(name string) (state.Record, error) {
	var r state.Record
	b, err := os.ReadFile(filepath.Join(h.labs(), name, "state.json"))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(b, &r)
}

// locked reports whether a lab of this home is alive.
func (h home) locked(name string) bool {
	f, err := os.Open(filepath.Join(h.labs(), name, "lock"))
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil
}

// processes are those that were started with this home in their environment.
// Where there is no /proc it knows of none.
func (h home) processes() []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil || !strings.Contains(string(b), "XDG_STATE_HOME="+h.state()+"\x00") {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
