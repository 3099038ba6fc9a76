package topology

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"go.yaml.in/yaml/v3"
)

// MaxSpecBytes bounds a specification file. The 512 clusters of the preset
// "wide" take 110 KB with every default written out.
const MaxSpecBytes = 1 << 20

// Load reads, defaults and validates the specification in a file; "-" is
// standard input. Overrides replace what the file says.
func Load(path string, overrides ...Overrides) (*Lab, error) {
	if path == "-" {
		return Decode("stdin", os.Stdin, overrides...)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return Decode(path, file, overrides...)
}

// Decode reads, defaults and validates a specification in YAML or JSON; name
// stands for the file in problems. It is strict: what it does not know, it
// refuses. The error is a *SpecError when the specification is at fault.
func Decode(name string, r io.Reader, overrides ...Overrides) (*Lab, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSpecBytes+1))
	var named *fs.PathError
	if errors.As(err, &named) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	f := newFindings(name)
	if len(data) > MaxSpecBytes {
		f.AddAt(1, 1, fmt.Sprintf("the file has more than %d bytes, split the lab into several", MaxSpecBytes))
		return nil, f.Err()
	}
	root := f.Parse(data)
	if root == nil {
		return nil, f.Err()
	}
	lab := &Lab{}
	f.Decode(root, lab)
	return f.finish(lab, overrides)
}

// finish makes a lab of what was written: overrides first, so that defaults
// follow them, and rules before defaults, which would hide a zero given.
func (f *findings) finish(lab *Lab, overrides []Overrides) (*Lab, error) {
	for _, o := range overrides {
		f.override(lab, o)
	}
	f.Check(lab)
	f.durations(lab)
	Default(lab)
	f.relations(lab)
	if err := f.Err(); err != nil {
		return nil, err
	}
	return lab, nil
}

// Validate checks a lab that was built in code, after Default. The error is a
// *SpecError whose problems name fields instead of lines.
func Validate(lab *Lab) error {
	f := newFindings("")
	f.Check(lab)
	f.durations(lab)
	f.relations(lab)
	return f.Err()
}

// Marshal writes a lab as YAML that Decode reads back to an equal lab.
func Marshal(lab *Lab) ([]byte, error) {
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(lab); err != nil {
		return nil, err
	}
	return b.Bytes(), encoder.Close()
}
