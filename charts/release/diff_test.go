package release

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestDiff(t *testing.T) {
	f := newFakeAPI()
	f.stored = running
	c, _ := f.client(t)
	ctx := context.Background()
	d, err := c.Diff(ctx, web(t, nil))
	require.NoError(t, err)
	require.Zero(t, d.Revision)
	require.Len(t, d.Objects, 3)
	require.Equal(t, "added", d.Objects[0].Change)

	_, err = c.Apply(ctx, web(t, map[string]any{"extra": true}))
	require.NoError(t, err)
	f.writes()
	d, err = c.Diff(ctx, web(t, map[string]any{"extra": true}))
	require.NoError(t, err)
	require.True(t, d.Empty())

	d, err = c.Diff(ctx, web(t, map[string]any{"replicas": 2, "password": "correct horse", "greeting": "bye"}))
	require.NoError(t, err)
	require.Equal(t, 1, d.Revision)
	require.NotContains(t, d.String(), "hunter2")
	require.NotContains(t, d.String(), "correct horse")
	golden(t, "diff.txt", d.String())
	require.Empty(t, f.writes(), "Diff changes nothing")

	_, err = c.Diff(ctx, web(t, map[string]any{"replicas": "many"}))
	var values *ValuesError
	require.ErrorAs(t, err, &values)
	require.Equal(t, []string{"web: '/replicas': got string, want integer"}, values.Violations)
}

func TestTemplate(t *testing.T) {
	r := web(t, map[string]any{"extra": true})
	r.Chart.Templates = append(r.Chart.Templates, makeChart(t, "h", "1.0.0", map[string]string{
		"templates/hook.yaml": "apiVersion: batch/v1\nkind: Job\nmetadata: {name: hook, annotations: {helm.sh/hook: pre-install}}\n"}).Templates...)
	out, err := Template(r, TemplateOptions{KubeVersion: "v1.33.2"})
	require.NoError(t, err)
	golden(t, "template.yaml", out)
	again, err := Template(r, TemplateOptions{KubeVersion: "v1.33.2", SkipHooks: true})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(out, strings.TrimSpace(again)))

	r.Chart.Files = append(r.Chart.Files, makeChart(t, "c", "1.0.0", map[string]string{"crds/ring.yaml": ringCRD}).Files...)
	out, err = Template(r, TemplateOptions{IncludeCRDs: true})
	require.NoError(t, err)
	require.Contains(t, out, "# Source: web/crds/ring.yaml")
	_, err = Template(r, TemplateOptions{KubeVersion: "new"})
	require.ErrorContains(t, err, `Kubernetes version "new"`)
	_, err = Template(web(t, map[string]any{"replicas": -1}), TemplateOptions{})
	require.ErrorContains(t, err, "release shop/web (chart web 1.0.0): render: values: web: '/replicas': minimum: got -1, want 0")
	_, err = Template(web(t, map[string]any{"replicas": -1}), TemplateOptions{SkipSchema: true})
	require.NoError(t, err)
}

// A diff's kept and removed lines are the old text, its kept and added lines
// the new one.
func TestDiffOfLinesIsComplete(t *testing.T) {
	words := rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c", "d"}))
	rapid.Check(t, func(t *rapid.T) {
		a, b := words.Draw(t, "a"), words.Draw(t, "b")
		var old, fresh []string
		for _, l := range compareLines(a, b) {
			if l.op != '+' {
				old = append(old, l.text)
			}
			if l.op != '-' {
				fresh = append(fresh, l.text)
			}
		}
		require.Equal(t, strings.Join(a, " "), strings.Join(old, " "))
		require.Equal(t, strings.Join(b, " "), strings.Join(fresh, " "))
	})
}

func TestUnifiedHunks(t *testing.T) {
	lines := strings.Split("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20", " ")
	a := strings.Join(lines, "\n") + "\n"
	lines[1], lines[17] = "two", "eighteen"
	b := strings.Join(lines, "\n") + "\n"
	require.Equal(t, "--- a\n+++ b\n@@ -1,5 +1,5 @@\n 1\n-2\n+two\n 3\n 4\n 5\n@@ -15,6 +15,6 @@\n 15\n 16\n 17\n-18\n+eighteen\n 19\n 20\n", unified("a", "b", a, b))
	require.Equal(t, "--- a\n+++ b\n@@ -0,0 +1,1 @@\n+x\n", unified("a", "b", "", "x\n"))
}
