package topology

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "rewrite golden files and generated files")

// golden compares got with a file, which -update rewrites.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run 'go test ./topology -update' to write it")
	require.Equal(t, string(want), string(got), "if this is meant, run 'go test ./topology -update'")
}

// reflectSchema makes the JSON Schema from the types, tags and doc comments.
func reflectSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	r := jsonschema.Reflector{
		ExpandedStruct: true,
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			if t == reflect.TypeFor[Duration]() {
				return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+(y|w|d|h|m|s|ms))+$`}
			}
			return nil
		},
	}
	require.NoError(t, r.AddGoComments("koflab/topology", ".", jsonschema.WithFullComment()))
	s := r.Reflect(&Lab{})
	s.ID, s.Title = "https://koflab/schemas/v1alpha1/lab.json", "koflab lab specification"
	stack, _ := s.Properties.Get("stack")
	for _, name := range ProfileNames() {
		stack.Enum = append(stack.Enum, name)
	}
	refine(s)
	for _, d := range s.Definitions {
		refine(d)
	}
	return s
}

// refine turns our own formats into patterns, and fills in what Go leaves out.
func refine(s *jsonschema.Schema) {
	s.Description = oneLine(s.Description)
	if s.Properties == nil {
		return
	}
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		property := p.Value
		property.Description = oneLine(property.Description)
		f, ok := formats[property.Format]
		if !ok {
			continue
		}
		property.Format = ""
		length := uint64(f.maxLength)
		property.MaxLength = &length
		if f.pattern != nil {
			property.Pattern = f.pattern.String()
		}
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestSchema(t *testing.T) {
	s := reflectSchema(t)
	b, err := json.MarshalIndent(s, "", "  ")
	require.NoError(t, err)
	golden(t, "schema.json", append(b, '\n'))
	if *update {
		schema = append(b, '\n')
	}

	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		if p.Value.Ref == "" && p.Value.Items == nil {
			require.NotEmpty(t, p.Value.Description, p.Key)
		}
	}
	require.Equal(t, fieldNames(fieldsOf(reflect.TypeFor[Lab]())), slices.Collect(s.Properties.KeysFromOldest()),
		"the schema and the decoder know the same fields")
}

// compile returns a check of YAML against the schema.
func compile(t *testing.T) func(data []byte) error {
	t.Helper()
	doc, err := validator.UnmarshalJSON(bytes.NewReader(Schema()))
	require.NoError(t, err)
	c := validator.NewCompiler()
	require.NoError(t, c.AddResource("lab.json", doc))
	compiled, err := c.Compile("lab.json")
	require.NoError(t, err)
	return func(data []byte) error {
		var value any
		if err := yaml.Unmarshal(data, &value); err != nil {
			return err
		}
		return compiled.Validate(value)
	}
}

func TestSchemaAcceptsPresets(t *testing.T) {
	check := compile(t)
	for _, p := range Presets() {
		lab, err := Preset(p.Name)
		require.NoError(t, err)
		b, err := Marshal(lab)
		require.NoError(t, err)
		require.NoError(t, check(b), p.Name)
	}
}

// The schema need not see everything the decoder refuses, but it sees what
// concerns one field.
func TestSchemaRefusesWhatOneFieldShows(t *testing.T) {
	check := compile(t)
	for _, name := range []string{"fields", "types", "ranges", "formats", "enums", "required"} {
		b, err := os.ReadFile(filepath.Join("testdata", "invalid", name+".yaml"))
		require.NoError(t, err)
		require.Error(t, check(b), name)
	}
}
