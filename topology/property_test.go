package topology

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// genDuration draws whole milliseconds, as fine as durations are.
func genDuration(least, most Duration) *rapid.Generator[Duration] {
	const ms = int64(1e6)
	return rapid.Custom(func(t *rapid.T) Duration {
		return Duration(rapid.Int64Range(int64(least)/ms, int64(most)/ms).Draw(t, "ms") * ms)
	})
}

func genWorkload(t *rapid.T) Workload {
	w := Workload{
		Nodes:          rapid.IntRange(0, 1000).Draw(t, "nodes"),
		Workloads:      rapid.IntRange(0, 10000).Draw(t, "workloads"),
		Series:         rapid.IntRange(0, 1000000).Draw(t, "series"),
		ScrapeInterval: genDuration(1e9, 300e9).Draw(t, "scrape"),
		Collector: Collector{
			QueueSize:       rapid.IntRange(0, 1000).Draw(t, "queue"),
			RetryMaxElapsed: genDuration(1e9, 7*day).Draw(t, "retry"),
			Password:        rapid.StringMatching(`[ -~é世]{0,20}`).Draw(t, "password"),
		},
	}
	if rapid.Bool().Draw(t, "rates") {
		w.LogRate = rate(rapid.Float64Range(0, 100000).Draw(t, "logs"))
		w.TraceRate = rate(float64(rapid.IntRange(0, 3).Draw(t, "traces")))
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "targets") {
		w.Scrape = append(w.Scrape, ScrapeTarget{URL: fmt.Sprintf("http://127.0.0.1:%d/metrics", 9100+i)})
	}
	return w
}

// genLab draws labs that are valid once they have their defaults.
func genLab(t *rapid.T) *Lab {
	modes := []ManagementData{"", ManagementDataNone, ManagementDataM2M, ManagementDataM2R, ManagementDataRegionless}
	lab := &Lab{
		Name:           rapid.StringMatching(`([a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?)?`).Draw(t, "name"),
		Seed:           rapid.Int64().Draw(t, "seed"),
		Stack:          rapid.SampledFrom([]string{"", "seed", "current"}).Draw(t, "stack"),
		Network:        rapid.SampledFrom([]NetworkMode{"", NetworkIngress, NetworkIstio}).Draw(t, "network"),
		ManagementData: rapid.SampledFrom(modes).Draw(t, "data"),
	}
	lab.Management.Workload = genWorkload(t)
	clouds := []string{"", "aws", "docker", "adopted"}
	if lab.ManagementData != ManagementDataRegionless {
		for i := range rapid.IntRange(1, 4).Draw(t, "regions") {
			lab.Regions = append(lab.Regions, Region{
				Name:      fmt.Sprintf("region-%d", i),
				Cloud:     rapid.SampledFrom(clouds).Draw(t, "cloud"),
				Location:  rapid.SampledFrom([]string{"", "here", "there"}).Draw(t, "location"),
				Replicas:  rapid.IntRange(0, 9).Draw(t, "replicas"),
				Retention: Retention{Metrics: genDuration(day, 100*year).Draw(t, "metrics"), Audit: year},
				Workload:  genWorkload(t),
			})
		}
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "children") {
		lab.Children = append(lab.Children, Child{
			Name:            "child",
			Namespace:       fmt.Sprintf("team-%d", i),
			Region:          rapid.SampledFrom([]string{"", "region-0", "region-7"}).Draw(t, "region"),
			Cloud:           rapid.SampledFrom(clouds).Draw(t, "cloud"),
			Tenant:          rapid.SampledFrom([]string{"", "team.a", "B_2"}).Draw(t, "tenant"),
			AllowUnresolved: true,
			Workload:        genWorkload(t),
		})
	}
	return lab
}

func TestMarshalledLabsReadBackEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lab := genLab(t)
		Default(lab)
		require.NoError(t, Validate(lab))
		again, err := decodeMarshalled(lab)
		require.NoError(t, err)
		require.Equal(t, lab, again)
	})
}

func TestDefaultTwiceIsDefaultOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lab := genLab(t)
		Default(lab)
		once, err := Marshal(lab)
		require.NoError(t, err)
		Default(lab)
		twice, err := Marshal(lab)
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
	})
}

// A child that found a region keeps it, whatever regions come later, and finds
// the same one again from the same specification.
func TestChoicesAreSticky(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lab := genLab(t)
		Default(lab)
		for i := range lab.Children {
			lab.Children[i].Namespace = fmt.Sprintf("team-%d", i%2)
			lab.Children[i].Name = fmt.Sprintf("child-%d", i)
		}
		for i := range lab.Regions {
			lab.Regions[i].Namespace = fmt.Sprintf("team-%d", i%2)
		}
		first := ResolveRegions(lab, nil)
		chosen := map[string]string{}
		for _, p := range first {
			require.Equal(t, p.Err == nil, p.Region != "", "a placement is a region or an error")
			if p.By == PlacedByLocation {
				chosen[p.Child] = p.Region
			}
		}
		if lab.ManagementData != ManagementDataRegionless {
			late := lab.Regions[0]
			late.Name = "late"
			lab.Regions = slices.Insert(lab.Regions, 0, late)
		}
		for i, p := range ResolveRegions(lab, chosen) {
			if first[i].By == PlacedByLocation {
				require.Equal(t, PlacedByChoice, p.By)
				require.Equal(t, first[i].Region, p.Region)
			}
		}
	})
}

func TestDurationsReadBackEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := genDuration(0, 200*year).Draw(t, "d")
		text, err := d.MarshalText()
		require.NoError(t, err)
		var again Duration
		require.NoError(t, again.UnmarshalText(text))
		require.Equal(t, d, again, string(text))
	})
}
