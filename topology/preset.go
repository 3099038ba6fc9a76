package topology

import (
	"fmt"
	"time"

	"koflab/topology/document"
)

// PresetInfo names a ready-made lab.
type PresetInfo struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// DefaultPreset is the lab that comes up when none is asked for.
const DefaultPreset = "two-regions"

// presets are functions rather than files because one of them is 500 children
// of one kind; 'koflab topology show' writes any of them out as a file.
var presets = []struct {
	PresetInfo
	lab func() *Lab
}{
	{PresetInfo{"minimal", "1 management, 1 region, 1 child: the smallest lab with all three layers"}, minimal},
	{PresetInfo{"two-regions", "1 management, 2 regions, 4 children: the default, small and federated"}, twoRegions},
	{PresetInfo{"three-clouds", "1 management, a region and 2 children in each of AWS, Azure and OpenStack, matched by location"}, threeClouds},
	{PresetInfo{"wide", "1 management, 10 regions, 500 one-node children of 500 series: for questions of scale"}, wide},
	{PresetInfo{"regionless", "1 management that stores everything itself, 2 children: no regional clusters"}, regionless},
}

// Presets lists the ready-made labs.
func Presets() []PresetInfo {
	infos := make([]PresetInfo, len(presets))
	for i, p := range presets {
		infos[i] = p.PresetInfo
	}
	return infos
}

// Preset returns a ready-made lab, with overrides and defaults applied. The
// error is a *SpecError when the name or an override is at fault.
func Preset(name string, overrides ...Overrides) (*Lab, error) {
	var names []string
	for _, p := range presets {
		if p.Name == name {
			return newFindings("").finish(p.lab(), overrides)
		}
		names = append(names, p.Name)
	}
	f := newFindings("")
	f.ByFlag("preset", "--preset")
	f.Add("preset", "there is no preset %q, %s", document.Clip(name), document.OrOneOf(name, names))
	return nil, f.Err()
}

func newLab() *Lab { return &Lab{APIVersion: APIVersion, Kind: Kind} }

func minimal() *Lab {
	lab := newLab()
	lab.Regions = []Region{{Name: "region-1"}}
	lab.Children = []Child{{Name: "child-1"}}
	return lab
}

func twoRegions() *Lab {
	lab := newLab()
	lab.Regions = []Region{
		{Name: "region-1", Cloud: "aws", Location: "us-east-2"},
		{Name: "region-2", Cloud: "azure", Location: "westeurope"},
	}
	for i := range 4 {
		lab.Children = append(lab.Children, Child{
			Name:     fmt.Sprintf("child-%d", i+1),
			Region:   lab.Regions[i/2].Name,
			Workload: Workload{Nodes: 1 + i%3}, // unlike, so that sums tell clusters apart
		})
	}
	return lab
}

func threeClouds() *Lab {
	lab := newLab()
	for _, place := range []Region{
		{Cloud: "aws", Location: "us-east-2"},
		{Cloud: "azure", Location: "westeurope"},
		{Cloud: "openstack", Location: "RegionOne"},
	} {
		place.Name = "region-" + place.Cloud
		lab.Regions = append(lab.Regions, place)
		for i := range 2 {
			lab.Children = append(lab.Children, Child{
				Name:     fmt.Sprintf("%s-%d", place.Cloud, i+1),
				Cloud:    place.Cloud,
				Location: place.Location,
				Workload: Workload{Nodes: 1 + i},
			})
		}
	}
	return lab
}

func wide() *Lab {
	const regions, children = 10, 500
	lab := newLab()
	quiet := Workload{Nodes: 1, Workloads: 1, LogRate: rate(0.1), TraceRate: rate(0), ScrapeInterval: Duration(30 * time.Second)}
	for i := range regions {
		lab.Regions = append(lab.Regions, Region{Name: fmt.Sprintf("region-%02d", i+1), Workload: quiet})
	}
	quiet.Series, quiet.TraceRate = 500, rate(0.02)
	for i := range children {
		lab.Children = append(lab.Children, Child{
			Name:     fmt.Sprintf("child-%03d", i+1),
			Region:   lab.Regions[i%regions].Name,
			Workload: quiet,
		})
	}
	return lab
}

func regionless() *Lab {
	lab := newLab()
	lab.ManagementData = ManagementDataRegionless
	lab.Children = []Child{{Name: "child-1"}, {Name: "child-2"}}
	return lab
}
