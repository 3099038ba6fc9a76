package runner_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"koflab/scenarios/runner"
)

// worker in the environment makes the test binary the worker of a pool.
const worker = "KOFLAB_TEST_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(worker) == "" {
		os.Exit(m.Run())
	}
	if err := runner.Work(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// pool plays scenarios in processes of the test binary.
func pool(t *testing.T) *runner.Pool {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(worker, "1")
	return &runner.Pool{Command: []string{self}, Parallel: 2}
}
