package topology

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOverrides(t *testing.T) {
	six := 6
	lab, err := Preset("two-regions", Overrides{
		Name: "demo", Seed: 7, Stack: "current", Network: NetworkIstio, ManagementData: ManagementDataM2M,
		Children: &six,
		Scrape:   []string{"child-1=http://127.0.0.1:9100/metrics?a=b", "mothership=https://example.com/metrics"},
	})
	require.NoError(t, err)
	require.Equal(t, "demo", lab.Name)
	require.EqualValues(t, 7, lab.Seed)
	require.Equal(t, "current", lab.Stack)
	require.Equal(t, NetworkIstio, lab.Network)
	require.Equal(t, "mothership.kof.example.com", lab.Management.Domain, "defaults follow overrides")
	require.Equal(t, []ScrapeTarget{{URL: "http://127.0.0.1:9100/metrics?a=b", Job: "127.0.0.1:9100"}}, lab.Children[0].Scrape)
	require.Equal(t, []ScrapeTarget{{URL: "https://example.com/metrics", Job: "example.com"}}, lab.Management.Scrape)
	require.Len(t, lab.Children, 6)
	require.Equal(t, "child-6", lab.Children[5].Name)
	require.Equal(t, lab.Children[1].Region, lab.Children[5].Region, "copies take the places of the originals")
	require.Empty(t, lab.Children[4].Scrape, "an endpoint is scraped once")
}

func TestOverrideChildren(t *testing.T) {
	f := func(text string, n int, want ...string) {
		t.Helper()
		lab, err := decodeText(header+text, Overrides{Children: &n})
		require.NoError(t, err)
		var names []string
		for _, c := range lab.Children {
			names = append(names, c.Name)
		}
		require.Equal(t, want, names)
	}
	f("regions: [{name: r1}]", 2, "child-1", "child-2")
	f("regions: [{name: r1}]\nchildren: [{name: a}, {name: b}]", 1, "a")
	f("regions: [{name: r1}]\nchildren: [{name: a}, {name: child-2}]", 4, "a", "child-2", "child-3", "child-4")
	f("regions: [{name: r1}]\nchildren: [{name: child-2}]", 3, "child-2", "child-3", "child-4")
	f("regions: [{name: r1}]\nchildren: [{name: a}]", 0)
}

func TestOverrideProblemsNameTheFlag(t *testing.T) {
	const text = header + `
regions: [{name: r1}]
children: [{name: c1}, {name: c1, namespace: team-a, region: r1, allowUnresolved: true}]`
	many := 5001
	f := func(o Overrides, want string) {
		t.Helper()
		_, err := decodeText(text, o)
		require.EqualError(t, err, want)
	}
	f(Overrides{Name: "A"}, `--name: name is "A", give a DNS label: lower-case letters, digits and '-', at most 63 characters`)
	f(Overrides{Stack: "v1.1"}, `--stack: there is no stack profile "v1.1", did you mean "v1.0"?`)
	f(Overrides{Network: "mesh"}, `--network: network is "mesh", choose one of ingress, istio`)
	f(Overrides{ManagementData: "m2m,m2r"}, `--management-data: managementData is "m2m,m2r", choose one of none, regionless, m2m, m2r`)
	f(Overrides{ManagementData: ManagementDataRegionless},
		`--management-data: regionless makes management the only region, but the lab has others, remove regions: or choose m2m`)
	f(Overrides{Children: &many}, `--children: 5001 is out of range, give 0 to 5000`)
	f(Overrides{Scrape: []string{"r1"}}, `--scrape: "r1" is not CLUSTER=URL, give one such as child-1=http://127.0.0.1:9100/metrics`)
	f(Overrides{Scrape: []string{"r2=http://h/metrics"}}, `--scrape: there is no cluster "r2", choose one of mothership, r1, c1, c1`)
	f(Overrides{Scrape: []string{"c1=http://h/metrics"}}, `--scrape: there are 2 clusters "c1", write NAMESPACE/c1`)
	f(Overrides{Scrape: []string{"team-a/c1=h:9100"}}, `--scrape: url is "h:9100", give an http or https URL such as http://127.0.0.1:9100/metrics`)
}

// A bad flag and a bad line are both told, the flag first.
func TestOverrideProblemsJoinThoseOfTheFile(t *testing.T) {
	_, err := decodeText(header+"nmae: x\nregions: [{name: r1}]\n", Overrides{Network: "mesh"})
	require.EqualError(t, err, "--network: network is \"mesh\", choose one of ingress, istio\nlab.yaml:3: unknown field \"nmae\", did you mean \"name\"?")
}
