package topology

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// placed decodes a lab and says where its children go: "region by way", or why
// nowhere.
func placed(t *testing.T, text string, chosen map[string]string) map[string]string {
	t.Helper()
	lab, err := decodeText(header + text)
	require.NoError(t, err)
	got := map[string]string{}
	for _, p := range ResolveRegions(lab, chosen) {
		got[p.Child] = p.Region + " by " + string(p.By)
		if p.Err != nil {
			require.Equal(t, p.Child, p.Err.Child)
			got[p.Child] = p.Err.Error()
		}
	}
	return got
}

func TestResolveRegions(t *testing.T) {
	const twins = "regions: [{name: r1, cloud: aws, location: us-east-2}, {name: r2, cloud: aws, location: us-east-2}]\n"
	f := func(name, text string, chosen, want map[string]string) {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, want, placed(t, text, chosen))
		})
	}
	type places = map[string]string

	f("label wins over location", `
regions: [{name: r1, cloud: aws, location: us-east-2}, {name: r2, cloud: azure}]
children: [{name: c1, region: r2, cloud: aws, location: us-east-2}]`,
		nil, places{"c1": "r2 by label"})
	f("cloud and location", `
regions: [{name: r1, cloud: aws, location: us-east-2}, {name: r2, cloud: aws, location: eu-west-1}, {name: r3, cloud: azure, location: eu-west-1}]
children: [{name: c1, cloud: aws, location: eu-west-1}, {name: c2, cloud: azure, location: eu-west-1}]`,
		nil, places{"c1": "r2 by location", "c2": "r3 by location"})
	f("docker matches whatever the location", `
regions: [{name: r1, cloud: aws}, {name: r2, location: here}]
children: [{name: c1, location: there}]`,
		nil, places{"c1": "r2 by location"})
	f("the first of two", twins+"children: [{name: c1, cloud: aws, location: us-east-2}]",
		nil, places{"c1": "r1 by location"})
	f("the earlier choice of two", twins+"children: [{name: c1, cloud: aws, location: us-east-2}]",
		places{"c1": "r2"}, places{"c1": "r2 by earlier choice"})
	f("a label overrides the earlier choice", twins+"children: [{name: c1, region: r1}]",
		places{"c1": "r2"}, places{"c1": "r1 by label"})
	f("an earlier choice that is gone", twins+"children: [{name: c1, cloud: aws, location: us-east-2}]",
		places{"c1": "r9"}, places{"c1": `child c1: region "r9", chosen earlier, is no longer in the same place, ` +
			"set region: (in KOF: add label k0rdent.mirantis.com/kof-regional-cluster-name)"})
	f("a namespace has its own regions", `
regions: [{name: r1}, {name: r2, namespace: team-a}]
children: [{name: c1, namespace: team-a}, {name: c2}, {name: c3, namespace: team-a, region: r2}]`,
		nil, places{"c1": "r2 by location", "c2": "r1 by location", "c3": "r2 by label"})
	f("across namespaces", `
crossNamespace: true
regions: [{name: r1, namespace: team-b}, {name: r2}]
children: [{name: c1, namespace: team-a}, {name: c2, namespace: team-a, region: r2, regionNamespace: kcm-system}]`,
		nil, places{"c1": "r1 by location", "c2": "r2 by label"})
	f("regionless, from any namespace", `
managementData: regionless
children: [{name: c1, cloud: adopted, namespace: team-a}, {name: c2, region: mothership}]`,
		nil, places{"c1": "mothership by regionless", "c2": "mothership by label"})
	f("two children of one name", `
regions: [{name: r1}, {name: r2, namespace: team-a}]
children: [{name: c1}, {name: c1, namespace: team-a}, {name: c2}]`,
		nil, places{"kcm-system/c1": "r1 by location", "team-a/c1": "r2 by location", "c2": "r1 by location"})
	f("children that may go without", `
regions: [{name: r1, cloud: aws}]
children: [{name: c1, region: r7, allowUnresolved: true}, {name: c2, cloud: adopted, allowUnresolved: true}]`,
		nil, places{
			"c1": `child c1: region "r7" does not exist, choose one of r1 (in KOF: change label k0rdent.mirantis.com/kof-regional-cluster-name)`,
			"c2": "child c2: cloud adopted never matches a region by location, set region: (in KOF: add label k0rdent.mirantis.com/kof-regional-cluster-name)",
		})
}

func TestClusters(t *testing.T) {
	lab, err := decodeText(header + `
managementData: m2m
regions: [{name: r1, cloud: aws, location: us-east-2}]
children: [{name: c1, region: r1, tenant: team-a}, {name: c1, namespace: team-a, cloud: adopted, allowUnresolved: true}]`)
	require.NoError(t, err)
	var ids []string
	for _, c := range lab.Clusters() {
		ids = append(ids, c.ID)
		require.NotZero(t, c.Workload.Nodes, c.ID)
		require.Equal(t, c.Domain != "", c.Retention != Retention{}, "stores have a domain and a retention")
		got, ok := lab.Cluster(c.ID)
		require.True(t, ok)
		require.Equal(t, c, got)
	}
	require.Equal(t, []string{"mothership", "r1", "kcm-system/c1", "team-a/c1"}, ids)

	c, _ := lab.Cluster("kcm-system/c1")
	require.Equal(t, "aws us-east-2 team-a", c.Cloud+" "+c.Location+" "+c.Tenant, "a child is where its region is")
	require.Empty(t, c.Domain)
	_, ok := lab.Cluster("c1")
	require.False(t, ok)
}
