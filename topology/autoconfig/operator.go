package autoconfig

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"koflab/topology"
)

// configure does for a ClusterDeployment what kof-operator does: it describes a
// region, or finds a child's.
func (c *Controllers) configure(ctx context.Context, u *unstructured.Unstructured, d *deployment, conds *conditions) error {
	switch d.Role {
	case RoleRegional:
		return c.describeRegion(ctx, u, d, conds)
	case RoleChild:
		return c.describeChild(ctx, u, d, conds)
	}
	return nil
}

func (c *Controllers) describeRegion(ctx context.Context, u *unstructured.Unstructured, d *deployment, conds *conditions) error {
	data, err := regionData(d, c.Stack)
	if err != nil {
		conds.set(ConditionConfig, false, reasonFailed, err.Error())
		c.warn(ctx, clusterDeployments, u, "InvalidConfig", err.Error())
		return nil
	}
	cm := label(own(configMap(d.Namespace, RegionConfigMap(d.Name), data), u), LabelRole, RoleRegional, LabelClusterName, d.Name)
	_, err = c.api.ensure(ctx, configMaps, cm)
	return err
}

func (c *Controllers) describeChild(ctx context.Context, u *unstructured.Unstructured, d *deployment, conds *conditions) error {
	regions := c.regions()
	r, found := c.placing().place(d, regions, c.chosen(d.NamespacedName, regions))
	name := clusterDeployments.name(d.Namespace, d.Name)
	if found.Err != nil {
		if coming := c.regionComing(); coming != "" {
			conds.set(ConditionRegion, false, reasonProgressing, "waiting for region "+coming+" to be described")
			return nil
		}
		conds.set(ConditionRegion, false, "RegionNotFound", found.Err.Text())
		c.warn(ctx, clusterDeployments, u, "RegionNotFound", found.Err.Text())
		return nil
	}
	c.untell("RegionNotFound", name)
	how := fmt.Sprintf("region %s by %s", r.Name, found.By)
	if _, was := condition(dictionary(u.Object, "status"), ConditionRegion); found.By == topology.PlacedByChoice && strings.HasPrefix(was, "region "+r.Name+" by ") {
		how = was // how it was found in the first place says more
	}
	conds.set(ConditionRegion, true, reasonSucceeded, how)
	c.tell(Normal, "RegionFound", name, "telemetry goes to "+how)
	return c.tellChild(ctx, u, d.NamespacedName, r)
}

// tellChild writes a child's ConfigMap and, unless the mesh knows who it is, its
// credentials. Owner is nil for management, which has no ClusterDeployment.
func (c *Controllers) tellChild(ctx context.Context, owner *unstructured.Unstructured, child types.NamespacedName, r *region) error {
	sum := ""
	if !r.istio() {
		data, err := c.credentials(ctx, owner, child, ChildUser(child.Name, child.Namespace))
		if err != nil {
			return err
		}
		sum = checksum(data)
	}
	cm := configMap(child.Namespace, ChildConfigMap(child.Name), childData(r.Data, sum))
	label(cm, LabelRole, RoleChild, LabelClusterName, child.Name)
	if owner != nil {
		own(cm, owner)
	}
	_, err := c.api.ensure(ctx, configMaps, cm)
	return err
}

// regions are those that ConfigMaps describe, in the order in which they are
// tried.
func (c *Controllers) regions() []*region {
	var out []*region
	for _, cm := range c.cache.indexed(configMaps, RoleRegional) {
		if r, err := readRegion(cm); err == nil && cm.GetDeletionTimestamp() == nil {
			out = append(out, r)
		}
	}
	sortRegions(out)
	return out
}

// regionComing names a region whose ConfigMap is about to be written.
func (c *Controllers) regionComing() string {
	for _, u := range c.cache.indexed(clusterDeployments, RoleRegional) {
		if u.GetDeletionTimestamp() != nil || c.cache.get(configMaps, u.GetNamespace(), RegionConfigMap(u.GetName())) != nil {
			continue
		}
		if status, _ := condition(dictionary(u.Object, "status"), ConditionConfig); status != "False" {
			return u.GetNamespace() + "/" + u.GetName()
		}
	}
	return ""
}

// chosen is the region that a child was given before; nil if it has none.
func (c *Controllers) chosen(child types.NamespacedName, regions []*region) *region {
	cm := c.cache.get(configMaps, child.Namespace, ChildConfigMap(child.Name))
	if cm == nil {
		return nil
	}
	data := textData(cm)
	for _, r := range regions {
		if r.Name == data[keyRegion] && r.Namespace == data[keyRegionNamespace] {
			return r
		}
	}
	return &region{Name: data[keyRegion], Namespace: data[keyRegionNamespace]}
}

// credentials returns a user's name and password, making them if they are not
// there. Whoever wants others changes or deletes the Secret.
func (c *Controllers) credentials(ctx context.Context, owner *unstructured.Unstructured, cluster types.NamespacedName, user string) (map[string][]byte, error) {
	name := CredentialsSecret(user)
	if have := c.cache.get(secrets, cluster.Namespace, name); have != nil {
		data := secretData(have)
		if len(data["username"]) == 0 || len(data["password"]) == 0 {
			return nil, fmt.Errorf("%s lacks username or password: delete it to have it made anew", secrets.name(cluster.Namespace, name))
		}
		return data, nil
	}
	secret, err := password(c.PasswordSeed, user)
	if err != nil {
		return nil, err
	}
	data := map[string][]byte{"username": []byte(user), "password": []byte(secret)}
	u := label(credentialsSecret(cluster.Namespace, name, data), LabelClusterName, cluster.Name)
	if owner != nil {
		own(u, owner)
	}
	made, err := c.api.ensure(ctx, secrets, u)
	if err != nil {
		return nil, err
	}
	return secretData(made), nil
}

// lookRegion makes what belongs to a region: management's user there, promxy's
// server group, the connections of the multi-level selects, Grafana's
// datasources, recording rules. All of it goes when the ConfigMap does.
func (c *Controllers) lookRegion(ctx context.Context, id types.NamespacedName) error {
	cm := c.cache.get(configMaps, id.Namespace, id.Name)
	if cm == nil || cm.GetLabels()[LabelRole] != RoleRegional || cm.GetDeletionTimestamp() != nil {
		return nil
	}
	r, err := readRegion(cm)
	if err != nil {
		c.warn(ctx, configMaps, cm, "InvalidRegion", err.Error())
		return nil
	}
	if !r.Foreign && !r.istio() {
		where := types.NamespacedName{Namespace: id.Namespace, Name: r.Name}
		if _, err := c.credentials(ctx, cm, where, AdminUser(r.Name, r.Namespace)); err != nil {
			return err
		}
	}
	group, err := r.serverGroup()
	if err != nil {
		c.warn(ctx, configMaps, cm, "InvalidRegion", err.Error())
		return nil
	}
	connections, err := r.connections()
	if err != nil {
		c.warn(ctx, configMaps, cm, "InvalidRegion", err.Error())
		return nil
	}
	datasources, err := r.datasources()
	if err != nil {
		return err
	}
	c.untell("InvalidRegion", configMaps.name(id.Namespace, id.Name))
	var errs []error
	ensure := func(of resource, u *unstructured.Unstructured) {
		_, err := c.api.ensure(ctx, of, own(u, cm))
		if of == grafanaDatasources && isMissing(err) {
			return // Grafana's operator is not installed here
		}
		errs = append(errs, err)
	}
	ensure(promxyServerGroups, group)
	for _, u := range connections {
		ensure(vmStorageConnections, u)
	}
	for _, u := range datasources {
		ensure(grafanaDatasources, u)
	}
	rules, err := c.recordRules(r)
	if err != nil {
		return err
	}
	ensure(configMaps, rules)
	return errors.Join(errs...)
}
