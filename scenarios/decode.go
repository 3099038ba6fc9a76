package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"koflab/topology/document"
)

// MaxBytes bounds a scenario file.
const MaxBytes = 1 << 20

// Load reads, completes and validates the scenario in a file; "-" is standard
// input. Its errors are Parse's.
func Load(path string) (*Scenario, error) {
	if path == "-" {
		return Decode("stdin", os.Stdin)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return Decode(path, file)
}

// Decode is Parse of what r has; name stands for the file in problems.
func Decode(name string, r io.Reader) (*Scenario, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	var named *fs.PathError
	switch {
	case errors.As(err, &named):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return Parse(name, data)
}

// Parse reads, completes and validates a scenario in YAML or JSON; name stands for
// the file in problems, and must be the scenario's if it ends in .yaml. It is
// strict: what it does not know, it refuses. The error is a *document.Error with
// all problems, each as file:line:column: what, and what to do.
func Parse(name string, data []byte) (*Scenario, error) {
	f := document.New(name, document.Options{Columns: true, Example: "koflab scenario new my-scenario"})
	if len(data) > MaxBytes {
		f.AddAt(1, 1, fmt.Sprintf("the file has more than %d bytes, split the scenario into several", MaxBytes))
		return nil, f.Err()
	}
	s := &Scenario{}
	if root := f.Parse(data); root != nil {
		f.Decode(root, s)
		finish(f, s)
		sameName(f, s, name)
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// Validate checks a scenario that was built in code, after Default. The error is a
// *document.Error whose problems name fields instead of lines.
func Validate(s *Scenario) error {
	f := document.New("", document.Options{})
	finish(f, s)
	return f.Err()
}

// finish applies rules before defaults, which would hide a zero given.
func finish(f *document.Findings, s *Scenario) {
	f.Check(s)
	durations(f, s)
	Default(s)
	validate(f, s)
}

// sameName: who looks for a scenario looks for its file.
func sameName(f *document.Findings, s *Scenario, file string) {
	base, ok := strings.CutSuffix(filepath.Base(file), ".yaml")
	if ok && s.Name != "" && base != s.Name {
		f.Add("name", "name is %q in a file %s.yaml, give them one name", document.Clip(s.Name), document.Clip(base))
	}
}

// Marshal writes a scenario as YAML that Parse reads back to an equal one.
func Marshal(s *Scenario) ([]byte, error) {
	var root yaml.Node
	if err := root.Encode(s); err != nil {
		return nil, err
	}
	// The parts of a lab's specification that are the scenario's.
	if spec := child(child(&root, "lab"), "spec"); spec != nil {
		drop(spec, "apiVersion", "kind", "name", "seed")
	}
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(&root); err != nil {
		return nil, err
	}
	return b.Bytes(), encoder.Close()
}

// child is the value of a key, or nil.
func child(node *yaml.Node, key string) *yaml.Node {
	for i := 0; node != nil && i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// drop takes keys out of a map.
func drop(node *yaml.Node, keys ...string) {
	var left []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		if !slices.Contains(keys, node.Content[i].Value) {
			left = append(left, node.Content[i], node.Content[i+1])
		}
	}
	node.Content = left
}
