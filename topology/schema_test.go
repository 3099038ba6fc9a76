package topology

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"koflab/topology/document"
	schemas "koflab/topology/document/schema"
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
	s, err := schemas.Reflect(&Lab{}, schemas.Options{
		ID: "https://koflab/schemas/v1alpha1/lab.json", Title: "koflab lab specification",
		Sources:  map[string]string{"koflab/topology": "."},
		Patterns: map[reflect.Type]string{reflect.TypeFor[Duration](): `^([0-9]+(y|w|d|h|m|s|ms))+$`},
	})
	require.NoError(t, err)
	stack, _ := s.Properties.Get("stack")
	for _, name := range ProfileNames() {
		stack.Enum = append(stack.Enum, name)
	}
	return s
}

func TestSchema(t *testing.T) {
	s := reflectSchema(t)
	b, err := schemas.Marshal(s)
	require.NoError(t, err)
	golden(t, "schema.json", b)
	if *update {
		schema = b
	}

	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		if p.Value.Ref == "" && p.Value.Items == nil {
			require.NotEmpty(t, p.Value.Description, p.Key)
		}
	}
	require.Equal(t, document.FieldNames(reflect.TypeFor[Lab]()), slices.Collect(s.Properties.KeysFromOldest()),
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
