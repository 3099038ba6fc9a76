package autoconfig

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// serviceSpec is the part that MultiClusterServices and ClusterDeployments have
// in common.
type serviceSpec struct {
	Services []struct {
		Name       string        `json:"name"`
		Namespace  string        `json:"namespace"`
		Template   string        `json:"template"`
		Values     string        `json:"values"`
		Disable    bool          `json:"disable"`
		ValuesFrom []valuesFrom  `json:"valuesFrom"`
		DependsOn  []serviceName `json:"dependsOn"`
	} `json:"services"`
	SyncMode             string `json:"syncMode"`
	Keep                 bool   `json:"keepServicesOnSelectorMismatch"`
	TemplateResourceRefs []any  `json:"templateResourceRefs"`
}

type serviceName struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

// Conditions of a MultiClusterService.
const (
	conditionReferences = "ServicesReferencesValidation"
	conditionClusters   = "ClusterInReadyState"
)

// lookService makes of a MultiClusterService the ClusterProfile by which Sveltos
// installs it.
func (c *Controllers) lookService(ctx context.Context, id types.NamespacedName) error {
	u := c.cache.get(multiClusterServices, "", id.Name)
	if u == nil || u.GetDeletionTimestamp() != nil {
		return nil // its profile has it as owner
	}
	profile, problem := c.profileSpec(dictionary(u.Object, "spec", "serviceSpec"), SystemNamespace)
	if problem != "" {
		c.warn(ctx, multiClusterServices, u, "InvalidService", problem)
		return c.serviceStatus(ctx, u, problem)
	}
	c.untell("InvalidService", multiClusterServices.name("", id.Name))
	profile["clusterSelector"] = dictionary(u.Object, "spec", "clusterSelector")
	if deps := list(u.Object, "spec", "dependsOn"); len(deps) > 0 {
		profile["dependsOn"] = deps
	}
	want := own(object(clusterProfiles, "", id.Name, map[string]any{"spec": profile}), u)
	if _, err := c.api.ensure(ctx, clusterProfiles, label(want, labelManagedBy, "kcm")); err != nil {
		return err
	}
	return c.serviceStatus(ctx, u, "")
}

// profileSpec turns services into a ClusterProfile's charts; templates stand in
// the namespace given. The problem is what is wrong with the services.
func (c *Controllers) profileSpec(spec map[string]any, namespace string) (profile map[string]any, problem string) {
	s := &serviceSpec{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(spec, s); err != nil {
		return nil, "spec.serviceSpec: " + err.Error()
	}
	keys := map[string][]string{} // by name, for dependsOn without namespace
	for _, one := range s.Services {
		if !one.Disable {
			keys[one.Name] = append(keys[one.Name], one.Namespace+"/"+one.Name)
		}
	}
	var charts []any
	var problems []string
	for i, one := range s.Services {
		if one.Disable {
			continue
		}
		where := fmt.Sprintf("service %s (spec.serviceSpec.services[%d])", one.Name, i)
		if one.Name == "" || one.Namespace == "" || one.Template == "" {
			problems = append(problems, where+" needs name, namespace and template")
			continue
		}
		template, missing := c.reference(serviceTemplates, namespace, one.Template, "template")
		if missing != "" {
			problems = append(problems, where+": "+missing)
			continue
		}
		chart, version, fault := chartSpec(template)
		if fault == "" {
			if _, err := c.chartOf(chart, version); err != nil {
				fault = err.Error()
			}
		}
		if fault != "" {
			problems = append(problems, fmt.Sprintf("%s: ServiceTemplate %s is not valid: %s", where, one.Template, fault))
			continue
		}
		deps, fault := dependencies(keys, one.DependsOn)
		if fault != "" {
			problems = append(problems, where+": "+fault)
		}
		h := map[string]any{
			"repositoryName": "kof", "chartName": chart, "chartVersion": version,
			"releaseName": one.Name, "releaseNamespace": one.Namespace, "helmChartAction": "Install", "dependsOn": deps,
		}
		if one.Values != "" {
			h["values"] = one.Values
		}
		if from := list(spec, "services"); len(one.ValuesFrom) > 0 {
			m, _ := from[i].(map[string]any)
			h["valuesFrom"] = m["valuesFrom"]
		}
		charts = append(charts, h)
	}
	if len(problems) > 0 {
		return nil, strings.Join(problems, "; ")
	}
	profile = map[string]any{"helmCharts": charts, "syncMode": or(s.SyncMode, "Continuous"), "stopMatchingBehavior": "WithdrawPolicies"}
	if charts == nil {
		profile["helmCharts"] = []any{}
	}
	if s.Keep {
		profile["stopMatchingBehavior"] = leavePolicies
	}
	if len(s.TemplateResourceRefs) > 0 {
		profile["templateResourceRefs"] = s.TemplateResourceRefs
	}
	return profile, ""
}

func dependencies(keys map[string][]string, names []serviceName) ([]any, string) {
	deps := []any{}
	for _, d := range names {
		found := slices.DeleteFunc(slices.Clone(keys[d.Name]), func(k string) bool {
			return d.Namespace != "" && k != d.Namespace+"/"+d.Name
		})
		switch len(found) {
		case 0:
			return deps, fmt.Sprintf("dependsOn names %s, which is no service here", strings.TrimPrefix(d.Namespace+"/"+d.Name, "/"))
		case 1:
			deps = append(deps, found[0])
		default:
			return deps, fmt.Sprintf("dependsOn names %s, which is in several namespaces: give one", d.Name)
		}
	}
	return deps, ""
}

// ownProfile is the name of the profile for a ClusterDeployment's own services.
func ownProfile(id types.NamespacedName) string { return id.Namespace + "-" + id.Name + "-services" }

// ownServices makes a profile of a ClusterDeployment's own services.
func (c *Controllers) ownServices(ctx context.Context, u *unstructured.Unstructured) error {
	id := keyOf(u)
	spec := dictionary(u.Object, "spec", "serviceSpec")
	if len(list(spec, "services")) == 0 {
		return c.api.remove(ctx, clusterProfiles, "", ownProfile(id))
	}
	profile, problem := c.profileSpec(spec, id.Namespace)
	if problem != "" {
		c.warn(ctx, clusterDeployments, u, "InvalidService", problem)
		return nil
	}
	c.untell("InvalidService", clusterDeployments.name(id.Namespace, id.Name))
	profile["clusterRefs"] = []any{map[string]any{
		"apiVersion": sveltosClusters.apiVersion(), "kind": sveltosClusters.Kind, "namespace": id.Namespace, "name": id.Name,
	}}
	want := object(clusterProfiles, "", ownProfile(id), map[string]any{"spec": profile})
	_, err := c.api.ensure(ctx, clusterProfiles, label(want, labelManagedBy, "kcm"))
	return err
}

// lookProfile looks again at all clusters: a profile came, went or changed.
func (c *Controllers) lookProfile(ctx context.Context, id types.NamespacedName) error {
	for _, u := range c.cache.list(sveltosClusters, nil) {
		if err := c.lookMatch(ctx, keyOf(u)); err != nil {
			return err
		}
	}
	c.matchedLater(id.Name)
	return nil
}

// lookMatch makes a ClusterSummary for each profile that selects a cluster, and
// deletes those of others.
func (c *Controllers) lookMatch(ctx context.Context, id types.NamespacedName) error {
	cluster := c.cache.get(sveltosClusters, id.Namespace, id.Name)
	summaries := c.summariesOf(id)
	if cluster == nil || cluster.GetDeletionTimestamp() != nil {
		if len(summaries) > 0 {
			c.target(id)
		}
		return nil
	}
	if cd := c.cache.get(clusterDeployments, id.Namespace, id.Name); cd != nil && cd.GetDeletionTimestamp() != nil {
		return nil
	}
	wanted := map[string]bool{}
	for _, p := range c.cache.list(clusterProfiles, nil) {
		spec, err := readProfile(dictionary(p.Object, "spec"))
		var match bool
		if err == nil {
			match, err = spec.matches(cluster)
		}
		if err != nil {
			c.warn(ctx, clusterProfiles, p, "InvalidProfile", err.Error())
			continue
		}
		if !match || p.GetDeletionTimestamp() != nil {
			continue
		}
		wanted[summaryName(p.GetName(), id.Name)] = true
		if err := c.ensureSummary(ctx, p, id); err != nil {
			return err
		}
	}
	var errs []error
	for _, s := range summaries {
		if !wanted[s.GetName()] {
			errs = append(errs, c.api.remove(ctx, clusterSummaries, s.GetNamespace(), s.GetName()))
		}
	}
	return errors.Join(errs...)
}

// annotationProfile tells which state of its profile a summary was made from.
const annotationProfile = "koflab.dev/profile"

func (c *Controllers) ensureSummary(ctx context.Context, profile *unstructured.Unstructured, cluster types.NamespacedName) error {
	state := fmt.Sprintf("%s/%d", profile.GetUID(), profile.GetGeneration())
	have := c.cache.get(clusterSummaries, cluster.Namespace, summaryName(profile.GetName(), cluster.Name))
	if have != nil && str(have.Object, "metadata", "annotations", annotationProfile) == state {
		return nil
	}
	s := own(object(clusterSummaries, cluster.Namespace, summaryName(profile.GetName(), cluster.Name), map[string]any{
		"spec": map[string]any{
			"clusterNamespace": cluster.Namespace, "clusterName": cluster.Name, "clusterType": "Sveltos",
			"clusterProfileSpec": profile.Object["spec"],
		},
	}), profile)
	label(s, labelManagedBy, "sveltos", labelProfile, profile.GetName(), labelSummaryOf, cluster.Name, labelSummaryType, "Sveltos")
	s.SetFinalizers([]string{finalizerSummary})
	s.SetAnnotations(map[string]string{annotationProfile: state})
	_, err := c.api.ensure(ctx, clusterSummaries, s)
	return err
}

// lookMatched says on a profile, and on the MultiClusterService it was made
// from, which clusters it matches and how they do.
func (c *Controllers) lookMatched(ctx context.Context, id types.NamespacedName) error {
	profile := c.cache.get(clusterProfiles, "", id.Name)
	if profile != nil {
		status := map[string]any{}
		if clusters := c.matching(id.Name); len(clusters) > 0 {
			status["matchingClusters"] = clusters
		}
		if err := c.api.setStatus(ctx, clusterProfiles, profile, status); err != nil {
			return err
		}
	}
	if u := c.cache.get(multiClusterServices, "", id.Name); u != nil && profile != nil {
		return c.serviceStatus(ctx, u, "")
	}
	return nil
}

func (c *Controllers) profileSummaries(profile string) []*unstructured.Unstructured {
	return c.cache.list(clusterSummaries, labels.SelectorFromSet(labels.Set{labelProfile: profile}))
}

func (c *Controllers) matching(profile string) []any {
	var out []any
	for _, s := range c.profileSummaries(profile) {
		id := summaryCluster(s)
		out = append(out, map[string]any{
			"apiVersion": sveltosClusters.apiVersion(), "kind": sveltosClusters.Kind, "namespace": id.Namespace, "name": id.Name,
		})
	}
	return out
}

func (c *Controllers) serviceStatus(ctx context.Context, u *unstructured.Unstructured, problem string) error {
	conds := newConditions(dictionary(u.Object, "status"), c.Now(), u.GetGeneration())
	if problem != "" {
		conds.set(conditionReferences, false, reasonFailed, problem)
	} else {
		conds.set(conditionReferences, true, reasonSucceeded, "")
	}
	ready, total, clustersReady, clusters := 0, 0, 0, 0
	for _, s := range c.profileSummaries(u.GetName()) {
		clusters++
		all := true
		for _, one := range c.summaryServices(s) {
			total++
			ready += boolInt(one.state == stateProvisioned)
			all = all && one.state == stateProvisioned
		}
		clustersReady += boolInt(all)
	}
	reason := func(ok bool) string { return map[bool]string{true: reasonSucceeded, false: reasonProgressing}[ok] }
	conds.set(ConditionServices, ready == total, reason(ready == total), fmt.Sprintf("%d/%d", ready, total))
	conds.set(conditionClusters, clusters == clustersReady, reason(clusters == clustersReady), fmt.Sprintf("%d/%d", clustersReady, clusters))
	conds.set(ConditionReady, problem == "" && ready == total, reason(problem == "" && ready == total), or(problem, ""))
	status := map[string]any{"conditions": conds.list, "observedGeneration": u.GetGeneration()}
	if m := c.matching(u.GetName()); len(m) > 0 {
		status["matchingClusters"] = m
	}
	return c.api.setStatus(ctx, multiClusterServices, u, status)
}
