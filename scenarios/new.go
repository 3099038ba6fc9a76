package scenarios

import (
	"bytes"
	_ "embed"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"

	"koflab/topology/document"
)

//go:embed new.yaml.tmpl
var scaffold string

var scaffoldTemplate = template.Must(template.New("new").Parse(scaffold))

// New is the file of a scenario to begin with: it is valid, and its comments say
// what else there is. The error is a *document.Error if the name is no DNS label.
func New(name string) ([]byte, error) {
	var b bytes.Buffer
	quoted, err := yaml.Marshal(name) // 42 is a DNS label too
	if err != nil {
		return nil, err
	}
	if err := scaffoldTemplate.Execute(&b, map[string]string{"Name": strings.TrimSpace(string(quoted))}); err != nil {
		return nil, err
	}
	f := document.New("", document.Options{})
	f.Check(&struct {
		Name string `yaml:"name" jsonschema:"format=dns-label"`
	}{name})
	return b.Bytes(), f.Err()
}
