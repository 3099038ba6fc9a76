package operators

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// grafanaContent is a datasource or a dashboard: something to be put into every
// Grafana that its selector matches.
type grafanaContent = custom[grafanaContentSpec]

type grafanaContentSpec struct {
	InstanceSelector          *metav1.LabelSelector `json:"instanceSelector"`
	AllowCrossNamespaceImport bool                  `json:"allowCrossNamespaceImport"`
	UID                       string                `json:"uid"`
	Plugins                   []grafanaPlugin       `json:"plugins"`

	// A datasource's.
	Datasource *struct {
		Name string `json:"name"`
		Type string `json:"type"`
		URL  string `json:"url"`
		UID  string `json:"uid"`
	} `json:"datasource"`

	// A dashboard's; one of the sources below.
	JSON         string          `json:"json"`
	GzipJSON     string          `json:"gzipJson"`
	URL          string          `json:"url"`
	Jsonnet      string          `json:"jsonnet"`
	GrafanaCom   json.RawMessage `json:"grafanaCom"`
	ConfigMapRef *struct {
		Name string `json:"name"`
		Key  string `json:"key"`
	} `json:"configMapRef"`
}

// check says what of a datasource or dashboard Grafana would refuse, and returns
// the uid it gets there.
func (s *grafanaContentSpec) check(kind, objectUID string, configMap func(name, key string) (string, error)) (uid string, err error) {
	if kind == "GrafanaDatasource" {
		d := s.Datasource
		switch {
		case d == nil:
			return "", fmt.Errorf("spec.datasource is empty")
		case d.Name == "" || d.Type == "":
			return "", fmt.Errorf("spec.datasource needs name and type")
		}
		return orDefault(s.UID, orDefault(d.UID, objectUID)), nil
	}
	sources := 0
	for _, given := range []bool{s.JSON != "", s.GzipJSON != "", s.URL != "", s.Jsonnet != "", len(s.GrafanaCom) > 0, s.ConfigMapRef != nil} {
		if given {
			sources++
		}
	}
	if sources != 1 {
		return "", fmt.Errorf("%d sources of the dashboard: want exactly one of json, gzipJson, url, jsonnet, grafanaCom, configMapRef", sources)
	}
	text := s.JSON
	if ref := s.ConfigMapRef; ref != nil {
		if text, err = configMap(ref.Name, ref.Key); err != nil {
			return "", err
		}
	}
	uid = orDefault(s.UID, objectUID)
	if text == "" {
		return uid, nil // what other sources hold is not looked at
	}
	var dashboard struct {
		UID   string `json:"uid"`
		Title string `json:"title"`
	}
	if err := json.Unmarshal([]byte(text), &dashboard); err != nil {
		return "", fmt.Errorf("the dashboard's JSON: %w", err)
	}
	if dashboard.Title == "" {
		return "", fmt.Errorf("the dashboard's JSON has no title")
	}
	return orDefault(s.UID, orDefault(dashboard.UID, objectUID)), nil
}

// selects tells whether content goes into a Grafana with the given labels.
func (s *grafanaContentSpec) selects(contentNamespace, grafanaNamespace string, labels map[string]string) (bool, error) {
	if contentNamespace != grafanaNamespace && !s.AllowCrossNamespaceImport {
		return false, nil
	}
	return matches(s.InstanceSelector, labels, false)
}
