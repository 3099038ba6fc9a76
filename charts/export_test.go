package charts

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
)

func TestExportRendersIdentically(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out", "charts")
	require.NoError(t, Export(dir))
	for _, s := range append(settings, parts()...) {
		c, err := loader.LoadDir(filepath.Join(dir, s.chart))
		require.NoError(t, err, s.chart)
		require.NoError(t, action.CheckDependencies(c, c.Metadata.Dependencies), s.chart)
		got, err := render(c, s.namespace, parse(t, s.values))
		require.NoError(t, err, s.name)
		require.Equal(t, s.render(t), got, s.name)
	}
}

// As helm lint --strict: a warning is an error.
func TestLint(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "charts")
	require.NoError(t, Export(dir))
	for _, name := range Names() {
		l := lint.AllWithKubeVersion(filepath.Join(dir, name), nil, "kof", nil)
		for _, m := range l.Messages {
			require.Less(t, m.Severity, support.WarningSev, "%s: %s", name, m)
		}
	}
}

func TestExportWritesChosenChartsWithTheirParts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "charts")
	require.NoError(t, Export(dir, "kof-mothership"))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	c, err := loader.LoadDir(filepath.Join(dir, "kof-mothership", "charts", "grafana-operator"))
	require.NoError(t, err)
	require.Equal(t, "v5.13.0", c.Metadata.Version)
	require.Equal(t, "v5.13.0", c.Metadata.AppVersion)
}

func TestExportRefusesWhatItWouldOverwrite(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Export(dir, "kgst"), "an empty directory is as good as none")
	err := Export(dir, "kgst")
	require.ErrorIs(t, err, ErrNotEmpty)
	require.ErrorContains(t, err, dir)

	keep, stale := filepath.Join(dir, "mine.txt"), filepath.Join(dir, "kgst", "stale.txt")
	require.NoError(t, os.WriteFile(keep, nil, 0o644))
	require.NoError(t, os.WriteFile(stale, nil, 0o644))
	require.NoError(t, ExportOver(dir, "kgst"))
	require.FileExists(t, keep)
	require.NoFileExists(t, stale)

	require.ErrorContains(t, Export(filepath.Join(dir, "new"), "nothing"), `no chart "nothing"`)
	require.NoDirExists(t, filepath.Join(dir, "new"), "a failure leaves nothing behind")
	left, err := filepath.Glob(filepath.Join(dir, ".charts-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}
