package charts

import (
	"os"
	"sort"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryDirectoryIsEmbedded(t *testing.T) {
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	var want []string
	for _, e := range entries {
		if _, err := os.Stat(e.Name() + "/Chart.yaml"); err == nil {
			want = append(want, e.Name())
		}
	}
	require.Equal(t, want, Names(), "the go:embed lines of tree.go name all charts")
	require.True(t, sort.StringsAreSorted(Names()))
}

func TestLoadAssemblesDependencies(t *testing.T) {
	for _, name := range Names() {
		c, err := Load(name)
		require.NoError(t, err)
		require.Equal(t, name, c.Name())
		require.NoError(t, c.Validate())
		require.NotEmpty(t, c.Schema, name)
		for _, f := range c.Files {
			require.NotEqual(t, versionsFile, f.Name)
		}
	}
	c, err := Load("kof-mothership")
	require.NoError(t, err)
	versions := map[string]string{}
	for _, d := range c.Dependencies() {
		versions[d.Name()] = d.Metadata.Version
		require.Same(t, c, d.Parent())
	}
	require.Equal(t, map[string]string{
		"grafana-operator": "v5.13.0", "victoria-metrics-operator": "0.36.0", "cluster-api-visualizer": "1.4.0",
		"sveltos-dashboard": "0.44.0", "kgst": "0.1.1",
	}, versions)
	c, err = Load("kof-storage")
	require.NoError(t, err)
	require.Len(t, c.Dependencies(), 5, "two aliases of victoria-logs-single are one chart")
}

func TestLoadVersion(t *testing.T) {
	for _, c := range []struct{ name, constraint, version string }{
		{"cert-manager", "1.16.4", "v1.16.4"},
		{"cert-manager", "", "v1.16.4"},
		{"grafana-operator", "v5.13.0", "v5.13.0"},
		{"victoria-metrics-operator", "0.36.*", "0.36.0"},
		{"kof-storage", "0.3.0", "0.3.0"},
	} {
		got, err := LoadVersion(c.name, c.constraint)
		require.NoError(t, err)
		require.Equal(t, c.version, got.Metadata.Version)
	}
	for _, c := range []struct{ name, constraint, message string }{
		{"kof-storrage", "", `no chart "kof-storrage"; there are base, cert-manager,`},
		{"kof-storage", "1.0.0", "chart kof-storage: no version 1.0.0 here, only 0.3.0, 0.3.1"},
		{"kof-storage", "latest", `chart kof-storage: version "latest": improper constraint`},
	} {
		_, err := LoadVersion(c.name, c.constraint)
		require.ErrorContains(t, err, c.message)
	}
}

// Helm changes what it renders: what one caller gets must not be seen by another.
func TestLoadGivesCopies(t *testing.T) {
	first, err := Load("kof-storage")
	require.NoError(t, err)
	want, err := render(first, "kof", nil)
	require.NoError(t, err)
	first.Values["jaeger"].(map[string]any)["ttl"] = "1h"
	first.Dependencies()[0].Metadata.Name = "changed"
	first.Metadata.Dependencies[0].Name = "changed"
	first.Templates = first.Templates[:0]

	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			c, err := Load("kof-storage")
			if err != nil {
				t.Error(err)
				return
			}
			got, err := render(c, "kof", map[string]any{"external-dns": map[string]any{"enabled": true}})
			if err != nil {
				t.Error(err)
			}
			if len(got) != len(want) {
				t.Errorf("%d templates, want %d", len(got), len(want))
			}
		})
	}
	wait.Wait()
	c, err := Load("kof-storage")
	require.NoError(t, err)
	got, err := render(c, "kof", nil)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestDescribe(t *testing.T) {
	d, err := Describe("kof-storage")
	require.NoError(t, err)
	require.Equal(t, "0.3.0", d.Version)
	require.NotEmpty(t, d.Description)
	require.Contains(t, d.Dependencies, Dependency{Name: "victoria-logs-single", Alias: "audit-logs", Version: "0.8.16", Condition: "audit-logs.enabled"})
	d, err = Describe("grafana-operator")
	require.NoError(t, err)
	require.Equal(t, []string{"v5.13.0"}, d.Others)
	_, err = Describe("nothing")
	require.Error(t, err)

	values, err := Values("kof-storage")
	require.NoError(t, err)
	require.Contains(t, string(values), "# Audit logs are kept apart, and longer.")
	_, err = Values("nothing")
	require.Error(t, err)
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load("kof-collectors"); err != nil {
			b.Fatal(err)
		}
	}
}

// What a child cluster's charts cost to render.
func BenchmarkRenderChild(b *testing.B) {
	for b.Loop() {
		for _, name := range []string{"cert-manager", "kof-operators", "kof-collectors"} {
			c, err := Load(name)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := render(c, "kof", nil); err != nil {
				b.Fatal(err)
			}
		}
	}
}
