package topology

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/require"

	"koflab/topology/document"
)

// referenceExample is in the reference, and is a valid specification.
const referenceExample = `apiVersion: koflab/v1alpha1
kind: Lab
managementData: m2m
regions:
  - name: europe
    cloud: aws
    location: eu-west-1
    retention: {metrics: 90d}
  - name: america
    cloud: azure
    location: eastus
children:
  - name: shop            # goes to europe: same cloud and location
    cloud: aws
    location: eu-west-1
    nodes: 5
    logRate: 20
  - name: edge            # adopted clusters name their region
    cloud: adopted
    region: america
    tenant: retail
    scrape:
      - url: http://127.0.0.1:9100/metrics
`

type typeReference struct {
	Title, Description string
	Fields             []fieldReference
}

type fieldReference struct {
	Name, Type, Description string
	Required                bool
}

// TestReference keeps docs/topology.md in step with the types.
func TestReference(t *testing.T) {
	_, err := decodeText(referenceExample)
	require.NoError(t, err)

	schema := reflectSchema(t)
	workload := map[string]bool{}
	for _, name := range document.FieldNames(reflect.TypeFor[Workload]()) {
		workload[name] = true
	}
	own := func(name string) bool { return !workload[name] }
	definition := func(name, title string, keep func(string) bool) typeReference {
		return describeType(schema.Definitions[name], title, keep)
	}
	every := func(string) bool { return true }
	workloadType := definition("Child", "Workload", func(name string) bool { return workload[name] })
	workloadType.Description = "What a cluster observes and how often."
	var stacks []*Stack
	for _, name := range ProfileNames() {
		s, err := Profile(name)
		require.NoError(t, err)
		stacks = append(stacks, s)
	}

	tmpl, err := template.ParseFiles("testdata/topology.md.tmpl")
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, tmpl.Execute(&b, map[string]any{
		"Example": referenceExample,
		"Types": []typeReference{
			describeType(schema, "Lab", every),
			definition("Management", "management", own),
			definition("Region", "regions", own),
			definition("Child", "children", own),
			definition("Retention", "retention", every),
			definition("ScrapeTarget", "scrape", every),
			definition("Collector", "collector", every),
		},
		"Workload": workloadType,
		"Presets":  Presets(),
		"Stacks":   stacks,
	}))
	golden(t, filepath.Join("..", "docs", "topology.md"), append(bytes.TrimRight(b.Bytes(), "\n"), '\n'))
}

func describeType(s *jsonschema.Schema, title string, keep func(string) bool) typeReference {
	ref := typeReference{Title: title, Description: s.Description}
	required := map[string]bool{}
	for _, name := range s.Required {
		required[name] = true
	}
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		if keep(p.Key) {
			ref.Fields = append(ref.Fields, fieldReference{p.Key, typeName(p.Value), p.Value.Description, required[p.Key]})
		}
	}
	return ref
}

// typeName says what values a field takes.
func typeName(s *jsonschema.Schema) string {
	switch {
	case s.Ref != "":
		return strings.ToLower(strings.TrimPrefix(s.Ref, "#/$defs/"))
	case s.Items != nil:
		return "list, at most " + fmt.Sprint(*s.MaxItems)
	case len(s.Enum) > 0:
		var values []string
		for _, v := range s.Enum {
			values = append(values, fmt.Sprintf("`%v`", v))
		}
		return strings.Join(values, ", ")
	case s.Minimum != "":
		return fmt.Sprintf("%s, %s to %s", s.Type, s.Minimum, s.Maximum)
	case strings.HasPrefix(s.Pattern, "^([0-9]+(y"):
		return "duration"
	}
	return s.Type
}
