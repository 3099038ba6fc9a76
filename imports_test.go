package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// rooms says who may import whom inside the module (docs/architecture.md). The
// longest matching key holds; a package may always import what is below its own
// path. Tests may import more: they prove that rooms fit together.
var rooms = map[string][]string{
	"":                         {"cmd"},
	"cmd":                      {"charts", "scenarios", "sim/fault", "topology", "topology/document", "topology/lab"},
	"charts":                   {},
	"charts/release":           {"sim/clock"},
	"topology":                 {"sim/clock", "topology/document"},
	"topology/document":        {},
	"topology/document/schema": {"topology/document"},
	"topology/autoconfig":      {"charts", "sim/clock", "topology"},
	"topology/embeddedcluster": {"embed", "sim/clock", "sim/inventory"},
	"topology/lab":             {"charts", "embed", "sim", "topology", "topology/autoconfig", "topology/embeddedcluster", "topology/lab"},
	"topology/lab/backing":     {"embed/kube/store"},
	"topology/lab/control":     {"sim/event", "sim/fault", "topology"},
	"topology/lab/state":       {},
	"topology/lab/region":      {"embed", "sim/clock", "topology", "topology/lab/state"},
	"embed":                    {"embed/engine", "embed/logstore", "sim/clock"},
	"embed/engine":             {},
	"embed/kube":               {"embed/kube/rules", "sim/clock"},
	"embed/kube/controllers":   {"embed/kube", "sim/clock"},
	"embed/kube/rules":         {},
	"embed/operators":          {"embed/kube", "sim/clock"},
	"scenarios":                {"scenarios/check", "scenarios/conform", "scenarios/report", "sim", "topology", "topology/document", "topology/lab"},
	"scenarios/explore":        {"scenarios", "sim/fault", "topology"},
	"scenarios/runner":         {"charts", "scenarios", "sim/clock", "sim/fault", "sim/ledger", "topology", "topology/lab"},
	"scenarios/report":         {},
	"scenarios/conform":        {},
	"scenarios/check":          {"topology", "topology/document", "topology/lab/control"},
	"sim/clock":                {},
	"sim/event":                {},
	"sim/fault":                {"sim/clock"},
	"sim/ledger":               {},
	"sim/network":              {"sim/clock"},
	"sim/inventory":            {"topology"},
	"sim/telemetry":            {"sim/clock", "sim/inventory"},
	"sim/collector":            {"sim/clock", "sim/event", "sim/ledger", "sim/network"},
}

func TestImportsRunOneWay(t *testing.T) {
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && file != ".") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(file))
		if pkg == "." {
			pkg = ""
		}
		for _, imp := range f.Imports {
			p, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			to, internal := strings.CutPrefix(p, "koflab/")
			if internal && !mayImport(pkg, to) {
				t.Errorf("%s: %s may not import %s", file, pkg, to)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func mayImport(from, to string) bool {
	if within(to, from) && roomOf(to) == roomOf(from) {
		return true
	}
	for _, allowed := range rooms[roomOf(from)] {
		// A room opens its whole subtree, except that "topology" is only the
		// specification: what brings labs to life below it is named itself.
		if to == allowed || allowed != "topology" && within(to, allowed) {
			return true
		}
	}
	return false
}

// roomOf returns the longest key of rooms that pkg stands in.
func roomOf(pkg string) string {
	for p := pkg; p != "."; p = path.Dir(p) {
		if _, ok := rooms[p]; ok {
			return p
		}
	}
	return ""
}

func within(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }

func TestMayImport(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"cmd", "topology/lab/control", true},
		{"cmd", "embed/metrics", false},
		{"embed/metrics", "sim/clock", true},
		{"embed/metrics", "sim/ledger", false},
		{"embed/metrics", "embed/engine", true},
		{"embed/federation", "embed/metrics", false},
		{"sim/collector", "embed/gateway", false},
		{"sim/telemetry", "sim/inventory", true},
		{"sim/clock", "sim/event", false},
		{"topology", "topology/lab", false},
		{"topology/lab", "topology/lab/region", true},
		{"embed/metrics", "embed/metrics/vmselect", true},
		{"embed/metrics", "embed/logs", false},
		{"", "embed/metrics", false},
		{"embed/operators", "embed/kube/store", true},
		{"embed/kube/controllers", "embed/kube", true},
		{"topology/autoconfig", "embed/kube", false},
		{"charts/release", "embed/kube", false},
	} {
		if got := mayImport(c.from, c.to); got != c.want {
			t.Errorf("mayImport(%q, %q) = %v", c.from, c.to, got)
		}
	}
}
