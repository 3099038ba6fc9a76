package topology

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPresets(t *testing.T) {
	type census struct{ regions, children, nodes int }
	want := map[string]census{
		"minimal":      {1, 1, 5},
		"two-regions":  {2, 4, 12},
		"three-clouds": {3, 6, 16},
		"wide":         {10, 500, 511},
		"regionless":   {0, 2, 5},
	}
	got := map[string]census{}
	for _, p := range Presets() {
		require.NotEmpty(t, p.Description)
		lab, err := Preset(p.Name)
		require.NoError(t, err, p.Name)
		require.NoError(t, Validate(lab), p.Name)
		again, err := decodeMarshalled(lab)
		require.NoError(t, err, p.Name)
		require.Equal(t, lab, again, p.Name)
		for _, placement := range ResolveRegions(lab, nil) {
			require.Nil(t, placement.Err, p.Name)
		}
		c := census{len(lab.Regions), len(lab.Children), 0}
		for _, cluster := range lab.Clusters() {
			c.nodes += cluster.Workload.Nodes
		}
		got[p.Name] = c
	}
	require.Equal(t, want, got)
	require.Contains(t, want, DefaultPreset)
}

func TestPresetsAreIndependent(t *testing.T) {
	a, err := Preset("minimal")
	require.NoError(t, err)
	a.Children[0].Name = "changed"
	b, err := Preset("minimal")
	require.NoError(t, err)
	require.Equal(t, "child-1", b.Children[0].Name)
}

func TestUnknownPreset(t *testing.T) {
	_, err := Preset("two-region")
	require.EqualError(t, err, `--preset: there is no preset "two-region", did you mean "two-regions"?`)
}

// Every preset runs on every stack and network that can carry it.
func TestPresetsOnEveryStack(t *testing.T) {
	for _, p := range Presets() {
		for _, stack := range ProfileNames() {
			for _, network := range []NetworkMode{NetworkIngress, NetworkIstio} {
				lab, err := Preset(p.Name, Overrides{Stack: stack, Network: network})
				require.NoError(t, err, "%s on %s, %s", p.Name, stack, network)
				plan, err := NewPlan(lab)
				require.NoError(t, err)
				require.Len(t, plan.Clusters, 1+len(lab.Regions)+len(lab.Children))
			}
		}
	}
}

func BenchmarkPresetWide(b *testing.B) {
	for b.Loop() {
		if _, err := Preset("wide"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeWide(b *testing.B) {
	lab, err := Preset("wide")
	require.NoError(b, err)
	text, err := Marshal(lab)
	require.NoError(b, err)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := decodeText(string(text)); err != nil {
			b.Fatal(err)
		}
	}
}
