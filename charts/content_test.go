package charts

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A collector's configuration names only what it defines, and defines only what
// a pipeline or the service uses.
func TestCollectorConfigurationsHoldTogether(t *testing.T) {
	checked := 0
	for _, s := range settings {
		if s.chart != "kof-collectors" {
			continue
		}
		for _, u := range documents(t, s.render(t)) {
			if u.GetKind() != "OpenTelemetryCollector" {
				continue
			}
			checked++
			config, ok, err := unstructured.NestedMap(u.Object, "spec", "config")
			require.NoError(t, err)
			require.True(t, ok)
			defined := func(section string) map[string]any { m, _ := config[section].(map[string]any); return m }
			used := map[string]bool{}
			pipelines, _, _ := unstructured.NestedMap(config, "service", "pipelines")
			require.NotEmpty(t, pipelines)
			for name, p := range pipelines {
				for section, list := range p.(map[string]any) {
					require.NotEmpty(t, list, "%s %s", name, section)
					for _, id := range list.([]any) {
						used[section+" "+id.(string)] = true
						_, here := defined(section)[id.(string)]
						_, connector := defined("connectors")[id.(string)]
						require.True(t, here || connector && section != "processors", "%s: pipeline %s uses %s of %s, which is not there", s.name, name, id, section)
					}
				}
			}
			for _, section := range []string{"receivers", "processors", "exporters"} {
				for id := range defined(section) {
					require.True(t, id == "nop" || used[section+" "+id], "%s: %s %s is in no pipeline", s.name, section, id)
				}
			}
			extensions, _, _ := unstructured.NestedStringSlice(config, "service", "extensions")
			require.Len(t, extensions, len(defined("extensions")))
			for _, e := range extensions {
				require.Contains(t, defined("extensions"), e)
			}
			for id, e := range defined("exporters") {
				m, _ := e.(map[string]any)
				if auth, ok, _ := unstructured.NestedString(m, "auth", "authenticator"); ok {
					require.Contains(t, extensions, auth, id)
				}
			}
		}
	}
	require.Equal(t, 6, checked)
}

func TestRulesParse(t *testing.T) {
	p := parser.NewParser(parser.Options{})
	count := 0
	for _, u := range documents(t, setting{chart: "kof-mothership", namespace: "kof"}.render(t)) {
		if u.GetKind() != "PrometheusRule" {
			continue
		}
		groups, _, err := unstructured.NestedSlice(u.Object, "spec", "groups")
		require.NoError(t, err)
		for _, g := range groups {
			for _, r := range g.(map[string]any)["rules"].([]any) {
				rule := r.(map[string]any)
				count++
				_, err := p.ParseExpr(rule["expr"].(string))
				require.NoError(t, err, rule["alert"])
				require.NotEmpty(t, rule["annotations"].(map[string]any)["summary"])
			}
		}
	}
	require.Greater(t, count, 12)

	c, err := Load("kof-mothership")
	require.NoError(t, err)
	for group, rules := range c.Values["defaultRecordRules"].(map[string]any) {
		for _, r := range rules.([]any) {
			_, err := p.ParseExpr(r.(map[string]any)["expr"].(string))
			require.NoError(t, err, group)
		}
	}
}

func TestDashboardsAreJSONWithQueriesThatParse(t *testing.T) {
	p := parser.NewParser(parser.Options{})
	seen := map[string]bool{}
	for _, u := range documents(t, setting{chart: "kof-mothership", namespace: "kof"}.render(t)) {
		if u.GetKind() != "GrafanaDashboard" {
			continue
		}
		text, _, err := unstructured.NestedString(u.Object, "spec", "json")
		require.NoError(t, err)
		var d struct {
			UID, Title string
			Panels     []struct {
				Datasource struct{ Type string }
				Targets    []struct{ Expr string }
			}
		}
		require.NoError(t, json.Unmarshal([]byte(text), &d))
		require.NotEmpty(t, d.Title)
		require.False(t, seen[d.UID], d.UID)
		seen[d.UID] = true
		for _, panel := range d.Panels {
			for _, q := range panel.Targets {
				if panel.Datasource.Type == "prometheus" {
					_, err := p.ParseExpr(strings.ReplaceAll(q.Expr, "$cluster", ".*"))
					require.NoError(t, err, fmt.Sprint(d.Title, q.Expr))
				}
			}
		}
	}
	require.GreaterOrEqual(t, len(seen), 5)
}

// Pods may not run as root or with capabilities, but for those whose work on the
// host needs it.
func TestPodsAreConfined(t *testing.T) {
	for _, s := range append(settings, parts()...) {
		for _, u := range documents(t, s.render(t)) {
			template, ok, _ := unstructured.NestedMap(u.Object, "spec", "template", "spec")
			if !ok || u.GetKind() == "Grafana" {
				continue
			}
			nonRoot, _, _ := unstructured.NestedBool(template, "securityContext", "runAsNonRoot")
			require.True(t, nonRoot, "%s %s", u.GetKind(), u.GetName())
			containers, _, _ := unstructured.NestedSlice(template, "containers")
			require.NotEmpty(t, containers)
			for _, c := range containers {
				m := c.(map[string]any)
				drop, _, _ := unstructured.NestedStringSlice(m, "securityContext", "capabilities", "drop")
				require.Equal(t, []string{"ALL"}, drop, u.GetName())
				requests, _, _ := unstructured.NestedMap(m, "resources", "requests")
				require.Contains(t, requests, "cpu", u.GetName())
				require.Contains(t, requests, "memory", u.GetName())
				image := m["image"].(string)
				require.Contains(t, image[strings.LastIndex(image, "/"):], ":", "%s: image %s has no tag", u.GetName(), image)
				if u.GetKind() == "Deployment" && m["name"] != "config-reload" && m["name"] != "cert-manager-cainjector" {
					require.True(t, m["readinessProbe"] != nil || m["livenessProbe"] != nil || m["ports"] == nil, "%s: container %s has no probe", u.GetName(), m["name"])
				}
			}
		}
	}
}
