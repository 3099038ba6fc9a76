package cmd_test

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"

	"koflab/cmd"
)

// TestMain puts a real koflab on PATH, for tests and scripts to run as its users
// do. It is a copy of the test binary that acts by the name it was called with,
// so processes that koflab starts of itself are koflab too.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		// Stock kubectl, from its own packages.
		"kubectl": func() {
			if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
				util.CheckErr(err)
			}
		},
		"koflab": func() { os.Exit(cmd.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}
