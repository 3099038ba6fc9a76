package autoconfig

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// lookTemplate says of a ServiceTemplate whether its chart exists.
func (c *Controllers) lookTemplate(ctx context.Context, id types.NamespacedName) error {
	u := c.cache.get(serviceTemplates, id.Namespace, id.Name)
	if u == nil {
		c.lookServiceUsers()
		return nil
	}
	chart, version, problem := chartSpec(u)
	if problem == "" {
		if _, err := c.chartOf(chart, version); err != nil {
			problem = err.Error()
		}
	}
	return c.setValid(ctx, serviceTemplates, u, version, problem, c.lookServiceUsers)
}

// chartSpec is the chart that a template names.
func chartSpec(u *unstructured.Unstructured) (chart, version, problem string) {
	spec := dictionary(u.Object, "spec", "helm", "chartSpec")
	chart, version = str(spec, "chart"), str(spec, "version")
	if chart == "" {
		problem = "spec.helm.chartSpec.chart is empty: only charts from repositories are supported"
	}
	return chart, version, problem
}

// lookClusterTemplate says of a ClusterTemplate whether clusters can be made
// from it.
func (c *Controllers) lookClusterTemplate(ctx context.Context, id types.NamespacedName) error {
	u := c.cache.get(clusterTemplates, id.Namespace, id.Name)
	if u == nil {
		c.lookDeployments()
		return nil
	}
	_, version, problem := chartSpec(u)
	return c.setValid(ctx, clusterTemplates, u, version, problem, c.lookDeployments)
}

func (c *Controllers) setValid(ctx context.Context, r resource, u *unstructured.Unstructured, version, problem string, users func()) error {
	was, found, _ := unstructured.NestedBool(u.Object, "status", "valid")
	status := map[string]any{"valid": problem == "", "observedGeneration": u.GetGeneration()}
	if version != "" {
		status["chartVersion"] = version
	}
	if problem != "" {
		status["validationError"] = problem
		c.warn(ctx, r, u, "InvalidTemplate", problem)
	}
	if err := c.api.setStatus(ctx, r, u, status); err != nil {
		return err
	}
	if !found || was != (problem == "") {
		users()
	}
	return nil
}

// lookCredential says of a Credential whether it names an identity. Whether the
// cloud accepts that is for whoever makes clusters to find out.
func (c *Controllers) lookCredential(ctx context.Context, id types.NamespacedName) error {
	u := c.cache.get(credentials, id.Namespace, id.Name)
	if u == nil {
		c.lookDeployments()
		return nil
	}
	ref := dictionary(u.Object, "spec", "identityRef")
	ok, message := true, "Credential is ready"
	if str(ref, "kind") == "" || str(ref, "name") == "" {
		ok, message = false, "spec.identityRef needs kind and name"
	}
	conds := newConditions(dictionary(u.Object, "status"), c.Now(), u.GetGeneration())
	conds.set(ConditionCredential, ok, map[bool]string{true: reasonSucceeded, false: reasonFailed}[ok], message)
	was, found, _ := unstructured.NestedBool(u.Object, "status", "ready")
	if err := c.api.setStatus(ctx, credentials, u, map[string]any{"ready": ok, "conditions": conds.list}); err != nil {
		return err
	}
	if !found || was != ok {
		c.lookDeployments()
	}
	return nil
}

// lookKCM says of the Management object that its release is installed.
func (c *Controllers) lookKCM(ctx context.Context, id types.NamespacedName) error {
	u := c.cache.get(managements, "", id.Name)
	if u == nil {
		return nil
	}
	conds := newConditions(dictionary(u.Object, "status"), c.Now(), u.GetGeneration())
	conds.set(ConditionReady, true, reasonSucceeded, "Object is ready")
	return c.api.setStatus(ctx, managements, u, map[string]any{"release": str(u.Object, "spec", "release"), "conditions": conds.list})
}

func (c *Controllers) lookDeployments() {
	for _, u := range c.cache.list(clusterDeployments, nil) {
		c.look(lookDeployment, u.GetNamespace(), u.GetName())
	}
}

// lookServiceUsers looks at all that names ServiceTemplates.
func (c *Controllers) lookServiceUsers() {
	for _, u := range c.cache.list(multiClusterServices, nil) {
		c.look(lookService, "", u.GetName())
	}
	for _, u := range c.cache.list(clusterDeployments, nil) {
		if len(list(u.Object, "spec", "serviceSpec", "services")) > 0 {
			c.look(lookDeployment, u.GetNamespace(), u.GetName())
		}
	}
}
