package scenarios

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"koflab/scenarios/check"
	"koflab/sim/fault"
	"koflab/topology"
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
	require.NoError(t, err, "run 'go test ./scenarios -update' to write it")
	require.Equal(t, string(want), string(got), "if this is meant, run 'go test ./scenarios -update'")
}

func reflectSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := schemas.Reflect(&Scenario{}, schemas.Options{
		ID: "https://koflab/schemas/v1alpha1/scenario.json", Title: "koflab scenario",
		Sources: map[string]string{"koflab/scenarios": ".", "koflab/topology": "../topology", "koflab/scenarios/check": "check"},
		Patterns: map[reflect.Type]string{
			reflect.TypeFor[topology.Duration](): `^([0-9]+(y|w|d|h|m|s|ms))+$`,
			reflect.TypeFor[check.Offset]():      `^[-+]?([0-9]+(y|w|d|h|m|s|ms))+$`,
		},
		Names: map[reflect.Type]string{
			reflect.TypeFor[Lab]():          "ScenarioLab",
			reflect.TypeFor[check.Traces](): "TraceSearch",
		},
	})
	require.NoError(t, err)
	inject := s.Definitions["Inject"].Properties
	name, _ := inject.Get("fault")
	for _, n := range fault.Names() {
		name.Enum = append(name.Enum, n)
	}
	preset, _ := s.Definitions["ScenarioLab"].Properties.Get("preset")
	for _, p := range topology.Presets() {
		preset.Enum = append(preset.Enum, p.Name)
	}
	stack, _ := s.Definitions["Lab"].Properties.Get("stack")
	for _, name := range topology.ProfileNames() {
		stack.Enum = append(stack.Enum, name)
	}
	tolerance := s.Definitions["Expect"].Properties
	tolerance.Set("tolerance", &jsonschema.Schema{
		Description: "how far off values may be: absolute, such as 0.5, or a share, such as 1%",
		AnyOf:       []*jsonschema.Schema{{Type: "number", Minimum: "0"}, {Type: "string", Pattern: `^[0-9.eE+-]+ *%?$`}},
	})
	delete(s.Definitions, "Tolerance")
	return s
}

func TestSchema(t *testing.T) {
	b, err := schemas.Marshal(reflectSchema(t))
	require.NoError(t, err)
	golden(t, "schema.json", b)
	if *update {
		schema = b
	}
}

// The schema and the decoder know the same fields.
func TestSchemaHasAllFields(t *testing.T) {
	s := reflectSchema(t)
	for name, of := range map[string]reflect.Type{
		"Step": reflect.TypeFor[Step](), "Change": reflect.TypeFor[Change](), "Scale": reflect.TypeFor[Scale](),
		"Send": reflect.TypeFor[Send](), "Log": reflect.TypeFor[Log](), "Span": reflect.TypeFor[Span](),
		"Check": reflect.TypeFor[check.Check](), "Expect": reflect.TypeFor[check.Expect](), "Child": reflect.TypeFor[topology.Child](),
	} {
		var names []string
		for p := s.Definitions[name].Properties.Oldest(); p != nil; p = p.Next() {
			names = append(names, p.Key)
		}
		require.Equal(t, document.FieldNames(of), names, name)
	}
	var names []string
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		require.True(t, p.Value.Description != "" || p.Value.Ref != "", p.Key)
		names = append(names, p.Key)
	}
	require.Equal(t, document.FieldNames(reflect.TypeFor[Scenario]()), names)
}

// compile returns a check of YAML against the schema.
func compile(t *testing.T) func(data []byte) error {
	t.Helper()
	doc, err := validator.UnmarshalJSON(bytes.NewReader(Schema()))
	require.NoError(t, err)
	c := validator.NewCompiler()
	require.NoError(t, c.AddResource("scenario.json", doc))
	compiled, err := c.Compile("scenario.json")
	require.NoError(t, err)
	return func(data []byte) error {
		var root yaml.Node
		if err := yaml.Unmarshal(data, &root); err != nil {
			return err
		}
		plain(&root)
		var value any
		if err := root.Decode(&value); err != nil {
			return err
		}
		return compiled.Validate(value)
	}
}

// plain makes text of times, as they are in JSON.
func plain(node *yaml.Node) {
	if node.ShortTag() == "!!timestamp" {
		node.Tag = "!!str"
	}
	for _, n := range node.Content {
		plain(n)
	}
}

func TestSchemaAcceptsTheLibrary(t *testing.T) {
	check := compile(t)
	all, err := Library()
	require.NoError(t, err)
	for _, s := range all {
		data, err := Source(s.Name)
		require.NoError(t, err)
		require.NoError(t, check(data), s.Name)
		data, err = Marshal(s)
		require.NoError(t, err)
		require.NoError(t, check(data), s.Name)
	}
	data, err := New("mine")
	require.NoError(t, err)
	require.NoError(t, check(data))
}

// The schema need not see everything the decoder refuses, but it sees what
// concerns one field.
func TestSchemaRefusesWhatOneFieldShows(t *testing.T) {
	check := compile(t)
	for _, name := range []string{"fields", "types", "values", "actions", "required"} {
		b, err := os.ReadFile(filepath.Join("testdata", "invalid", name+".yaml"))
		require.NoError(t, err)
		require.Error(t, check(b), name)
	}
}
