package autoconfig

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// Conditions of a ClusterDeployment.
const (
	ConditionTemplate   = "TemplateReady"
	ConditionCredential = "CredentialReady"
	ConditionConfig     = "ConfigValid"
	ConditionCluster    = "SveltosClusterReady"
	// ConditionRegion says of a child where its telemetry goes, or why nowhere.
	ConditionRegion   = "RegionFound"
	ConditionServices = "ServicesInReadyState"
	ConditionReady    = "Ready"
)

// Reasons of conditions.
const (
	reasonSucceeded   = "Succeeded"
	reasonFailed      = "Failed"
	reasonProgressing = "Progressing"
	reasonDeleting    = "Deleting"
)

// lookDeployment does for a ClusterDeployment what KCM and kof-operator do.
func (c *Controllers) lookDeployment(ctx context.Context, id types.NamespacedName) error {
	u := c.cache.get(clusterDeployments, id.Namespace, id.Name)
	if u == nil {
		return nil
	}
	d, problem := readDeployment(u)
	if u.GetDeletionTimestamp() != nil {
		return c.deleteDeployment(ctx, u, d)
	}
	conds := newConditions(dictionary(u.Object, "status"), c.Now(), u.GetGeneration())
	ready := c.checkReferences(d, conds)
	if problem != nil {
		ready = false
		conds.set(ConditionConfig, false, reasonFailed, problem.Error())
		c.warn(ctx, clusterDeployments, u, "InvalidConfig", problem.Error())
	}
	if d.DryRun {
		conds.set(ConditionReady, false, "DryRun", "spec.dryRun is true: nothing is made")
		return c.setDeploymentStatus(ctx, u, conds, nil)
	}
	u, err := c.adopt(ctx, u, d)
	if err != nil {
		return err
	}
	var errs []error
	if problem == nil {
		errs = append(errs, c.configure(ctx, u, d, conds))
	}
	message := "waiting for template and credential"
	if !ready {
		_, why := firstFault(conds.list)
		message = or(why, message)
	} else {
		ready, message, err = c.provide(ctx, u, d, conds)
		errs = append(errs, err)
	}
	services, err := c.services(ctx, u, conds)
	errs = append(errs, err)
	if ready {
		conds.set(ConditionReady, true, reasonSucceeded, "Object is ready")
	} else {
		conds.set(ConditionReady, false, reasonProgressing, message)
	}
	return errors.Join(append(errs, c.setDeploymentStatus(ctx, u, conds, services))...)
}

// checkReferences holds the template and the credential against what there is.
func (c *Controllers) checkReferences(d *deployment, conds *conditions) bool {
	template, problem := c.reference(clusterTemplates, d.Namespace, d.Template, "spec.template")
	if template != nil {
		if valid, _, _ := unstructured.NestedBool(template.Object, "status", "valid"); !valid {
			problem = fmt.Sprintf("ClusterTemplate %s is not valid: %s", d.Template, or(str(template.Object, "status", "validationError"), "it has not been validated yet"))
		}
	}
	conds.set(ConditionTemplate, problem == "", map[bool]string{true: reasonSucceeded, false: reasonFailed}[problem == ""], or(problem, "Template is valid"))
	ready := problem == ""
	credential, problem := c.reference(credentials, d.Namespace, d.Credential, "spec.credential")
	if credential != nil {
		if ok, _, _ := unstructured.NestedBool(credential.Object, "status", "ready"); !ok {
			_, why := condition(dictionary(credential.Object, "status"), ConditionCredential)
			problem = fmt.Sprintf("Credential %s is not ready: %s", d.Credential, or(why, "it has not been looked at yet"))
		}
	}
	conds.set(ConditionCredential, problem == "", map[bool]string{true: reasonSucceeded, false: reasonFailed}[problem == ""], or(problem, "Credential is ready"))
	return ready && problem == ""
}

// reference finds what a ClusterDeployment refers to: in its own namespace or,
// as KCM's AccessManagement hands them out to others, in the system's.
func (c *Controllers) reference(r resource, namespace, name, field string) (*unstructured.Unstructured, string) {
	if name == "" {
		return nil, field + " is empty: name a " + r.Kind
	}
	for _, ns := range []string{namespace, SystemNamespace} {
		if u := c.cache.get(r, ns, name); u != nil {
			return u, ""
		}
	}
	var names []string
	for _, u := range c.cache.list(r, nil) {
		if ns := u.GetNamespace(); ns == namespace || ns == SystemNamespace {
			names = append(names, u.GetName())
		}
	}
	return nil, fmt.Sprintf("%s %q does not exist in namespace %s%s", r.Kind, name, namespace, suggestion(names))
}

// adopt marks a ClusterDeployment as looked after.
func (c *Controllers) adopt(ctx context.Context, u *unstructured.Unstructured, d *deployment) (*unstructured.Unstructured, error) {
	if d.Role != "" && d.Labels[LabelClusterName] == "" {
		next, err := c.api.patch(ctx, clusterDeployments, u, map[string]any{
			"metadata": map[string]any{"labels": map[string]any{LabelClusterName: d.Name}},
		})
		if err != nil {
			return nil, err
		}
		u = next
		d.Labels = u.GetLabels()
	}
	return c.api.setFinalizer(ctx, clusterDeployments, u, finalizerDeployment, true)
}

// provide registers the cluster with Sveltos once its kubeconfig is there.
func (c *Controllers) provide(ctx context.Context, u *unstructured.Unstructured, d *deployment, conds *conditions) (bool, string, error) {
	name := d.Name + kubeconfigTail
	secret := c.cache.get(secrets, d.Namespace, name)
	if secret == nil || len(secretData(secret)[kubeconfigKey]) == 0 {
		message := fmt.Sprintf("waiting for the cluster: Secret %s/%s with its kubeconfig (key %s) is not there yet", d.Namespace, name, kubeconfigKey)
		conds.set(ConditionCluster, false, reasonProgressing, message)
		return false, message, nil
	}
	cluster := own(object(sveltosClusters, d.Namespace, d.Name, map[string]any{
		"spec": map[string]any{"kubeconfigName": name, "kubeconfigKeyName": kubeconfigKey},
	}), u)
	cluster.SetLabels(merged(d.Labels, map[string]string{labelManagedBy: "kcm"}))
	cluster.SetAnnotations(d.Annotations)
	made, err := c.ensureCluster(ctx, cluster)
	if err != nil {
		return false, err.Error(), err
	}
	// At once, and not when the event comes: the cluster's first visit then finds
	// everything there is to do.
	if err := c.lookMatch(ctx, d.NamespacedName); err != nil {
		return false, err.Error(), err
	}
	ready, _, _ := unstructured.NestedBool(made.Object, "status", "ready")
	message := "cluster answers"
	switch failure := str(made.Object, "status", "failureMessage"); {
	case failure != "":
		message = "cluster does not answer: " + failure
		conds.set(ConditionCluster, false, reasonFailed, message)
	case !ready:
		message = "waiting for the cluster to answer"
		conds.set(ConditionCluster, false, reasonProgressing, message)
	default:
		conds.set(ConditionCluster, true, reasonSucceeded, message)
	}
	return ready, message, nil
}

// ensureCluster makes a SveltosCluster carry exactly the labels and annotations
// of its ClusterDeployment: profiles select by them, so one taken off there must
// go here.
func (c *Controllers) ensureCluster(ctx context.Context, want *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	have := c.cache.get(sveltosClusters, want.GetNamespace(), want.GetName())
	if have != nil {
		drop := map[string]any{}
		for section, keep := range map[string]map[string]string{"labels": want.GetLabels(), "annotations": want.GetAnnotations()} {
			gone := map[string]any{}
			for k := range dictionary(have.Object, "metadata", section) {
				if _, ok := keep[k]; !ok && k != annotationContent {
					gone[k] = nil
				}
			}
			if len(gone) > 0 {
				drop[section] = gone
			}
		}
		if len(drop) > 0 {
			if _, err := c.api.patch(ctx, sveltosClusters, have, map[string]any{"metadata": drop}); err != nil {
				return nil, err
			}
		}
	}
	return c.api.ensure(ctx, sveltosClusters, want)
}

// services says how the services of all profiles do on the cluster.
func (c *Controllers) services(ctx context.Context, u *unstructured.Unstructured, conds *conditions) ([]any, error) {
	if err := c.ownServices(ctx, u); err != nil {
		return nil, err
	}
	var out []any
	ready, total := 0, 0
	for _, s := range c.summariesOf(keyOf(u)) {
		for _, one := range c.summaryServices(s) {
			total++
			if one.state == stateProvisioned {
				ready++
			}
			item := map[string]any{
				"name": one.name, "namespace": one.namespace, "state": one.state, "profile": s.GetLabels()[labelProfile],
			}
			if one.message != "" {
				item["failureMessage"] = one.message
			}
			out = append(out, item)
		}
	}
	message := fmt.Sprintf("%d/%d", ready, total)
	if ready == total {
		conds.set(ConditionServices, true, reasonSucceeded, message)
	} else {
		conds.set(ConditionServices, false, reasonProgressing, message)
	}
	return out, nil
}

// summaryServices are the charts of a summary, also of one that has no status
// yet.
func (c *Controllers) summaryServices(s *unstructured.Unstructured) []chartState {
	byKey := map[string]chartState{}
	for _, item := range list(s.Object, "status", "helmReleaseSummaries") {
		m, _ := item.(map[string]any)
		one := chartState{str(m, "releaseNamespace"), str(m, "releaseName"), str(m, "state"), str(m, "message")}
		byKey[one.namespace+"/"+one.name] = one
	}
	state, message := stateProvisioning, ""
	for _, item := range list(s.Object, "status", "featureSummaries") {
		m, _ := item.(map[string]any)
		state, message = str(m, "status"), str(m, "failureMessage")
	}
	var out []chartState
	for _, item := range list(s.Object, "spec", "clusterProfileSpec", "helmCharts") {
		m, _ := item.(map[string]any)
		one, ok := byKey[str(m, "releaseNamespace")+"/"+str(m, "releaseName")]
		if !ok {
			one = chartState{str(m, "releaseNamespace"), str(m, "releaseName"), state, message}
		}
		out = append(out, one)
	}
	return out
}

func (c *Controllers) setDeploymentStatus(ctx context.Context, u *unstructured.Unstructured, conds *conditions, services []any) error {
	status := map[string]any{"conditions": conds.list, "observedGeneration": u.GetGeneration()}
	if services != nil {
		status["services"] = services
	}
	if cluster := c.cache.get(sveltosClusters, u.GetNamespace(), u.GetName()); cluster != nil {
		if version := str(cluster.Object, "status", "version"); version != "" {
			status["k8sVersion"] = version
		}
	}
	return c.api.setStatus(ctx, clusterDeployments, u, status)
}

// deleteDeployment lets a cluster go: regions after the children that write to
// them, and each after its services.
func (c *Controllers) deleteDeployment(ctx context.Context, u *unstructured.Unstructured, d *deployment) error {
	if wait := c.childrenGoing(d); wait != "" {
		return c.deleting(ctx, u, "waiting for child "+wait+", which is being deleted, to go first")
	}
	summaries := c.summariesOf(d.NamespacedName)
	for _, s := range summaries {
		if err := c.api.remove(ctx, clusterSummaries, s.GetNamespace(), s.GetName()); err != nil {
			return err
		}
	}
	if len(summaries) > 0 {
		c.target(d.NamespacedName)
		return c.deleting(ctx, u, "waiting for its services to be taken off")
	}
	if err := c.api.remove(ctx, clusterProfiles, "", ownProfile(d.NamespacedName)); err != nil {
		return err
	}
	if err := c.api.remove(ctx, sveltosClusters, d.Namespace, d.Name); err != nil {
		return err
	}
	_, err := c.api.setFinalizer(ctx, clusterDeployments, u, finalizerDeployment, false)
	return err
}

func (c *Controllers) deleting(ctx context.Context, u *unstructured.Unstructured, message string) error {
	conds := newConditions(dictionary(u.Object, "status"), c.Now(), u.GetGeneration())
	conds.set(ConditionReady, false, reasonDeleting, message)
	return c.setDeploymentStatus(ctx, u, conds, nil)
}

// childrenGoing names a child of the region that is being deleted too.
func (c *Controllers) childrenGoing(d *deployment) string {
	if d.Role != RoleRegional {
		return ""
	}
	for _, u := range c.cache.indexed(clusterDeployments, RoleChild) {
		if u.GetDeletionTimestamp() == nil {
			continue
		}
		cm := c.cache.get(configMaps, u.GetNamespace(), ChildConfigMap(u.GetName()))
		if cm == nil {
			continue
		}
		if data := textData(cm); data[keyRegion] == d.Name && data[keyRegionNamespace] == d.Namespace {
			return u.GetNamespace() + "/" + u.GetName()
		}
	}
	return ""
}

func firstFault(conds []any) (kind, message string) {
	for _, item := range conds {
		if m, _ := item.(map[string]any); str(m, "status") == "False" {
			return str(m, "type"), str(m, "message")
		}
	}
	return "", ""
}

func suggestion(names []string) string {
	if len(names) == 0 {
		return ": there is none"
	}
	text := ": there are "
	for i, n := range names {
		if i == 8 {
			return text + ", ..."
		}
		if i > 0 {
			text += ", "
		}
		text += n
	}
	return text
}
