package autoconfig

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// baseRules are the PrometheusRules that KOF's charts bring.
func (c *Controllers) baseRules() []*unstructured.Unstructured {
	return c.cache.list(prometheusRules, labels.SelectorFromSet(labels.Set{labelRules: "true"}))
}

// inputs are the ConfigMaps of a kind of rules by cluster; that of "" holds for
// all.
func (c *Controllers) inputs(kind string) map[string]*unstructured.Unstructured {
	out := map[string]*unstructured.Unstructured{}
	for _, cm := range c.cache.list(configMaps, nil) {
		if cluster, ok := cm.GetLabels()[kind]; ok && cm.GetNamespace() == kofNamespace {
			out[cluster] = cm
		}
	}
	return out
}

// lookAlerts writes promxy's rule files.
func (c *Controllers) lookAlerts(ctx context.Context, _ types.NamespacedName) error {
	for _, r := range c.regions() {
		c.look(lookRegion, r.ConfigMap.Namespace, r.ConfigMap.Name)
	}
	if c.cache.get(namespaces, "", kofNamespace) == nil {
		return nil // its coming will bring us back
	}
	defaults, clusters := patches{}, map[string]patches{}
	for cluster, cm := range c.inputs(labelAlertRules) {
		p, problems := readPatches(cm)
		for _, problem := range problems {
			c.warn(ctx, configMaps, cm, "InvalidRules", problem)
		}
		if len(problems) == 0 {
			c.untell("InvalidRules", configMaps.name(cm.GetNamespace(), cm.GetName()))
		}
		if cluster == "" {
			defaults = p
		} else {
			clusters[cluster] = p
		}
	}
	files, problems := ruleFiles(readAlerts(c.baseRules()), defaults, clusters)
	for _, problem := range problems {
		c.tell(Warning, "InvalidRules", configMaps.name(kofNamespace, promxyRules), problem)
	}
	want := label(configMap(kofNamespace, promxyRules, files), LabelGenerated, "true")
	old := c.cache.get(configMaps, kofNamespace, promxyRules)
	made, err := c.api.ensure(ctx, configMaps, want)
	if err != nil {
		return err
	}
	if old == nil || old.GetResourceVersion() != made.GetResourceVersion() {
		c.reload = true
		c.once(lookPromxy)
	}
	return nil
}

// recordRules is the ConfigMap from which kof-storage takes a region's recording
// rules.
func (c *Controllers) recordRules(r *region) (*unstructured.Unstructured, error) {
	inputs := c.inputs(labelRecordRules)
	groups, problems := recordRules(c.baseRules(), inputs[""], inputs[r.Name])
	for _, problem := range problems {
		c.tell(Warning, "InvalidRules", "recording rules of region "+r.Name, problem)
	}
	values, err := recordValues(groups)
	if err != nil {
		return nil, fmt.Errorf("recording rules of region %s: %w", r.Name, err)
	}
	cm := configMap(r.ConfigMap.Namespace, "kof-record-vmrules-"+r.Name, map[string]string{"values": values})
	return label(cm, LabelGenerated, "true"), nil
}
