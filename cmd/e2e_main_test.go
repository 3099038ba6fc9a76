package cmd_test

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"koflab/cmd"
)

// TestMain puts a real koflab on PATH, for tests and scripts to run as its users
// do. It is a copy of the test binary that acts by the name it was called with,
// so processes that koflab starts of itself are koflab too.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"koflab": func() { os.Exit(cmd.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}
