package autoconfig

import (
	"reflect"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// reference names an object that templates of a profile read.
type reference struct {
	apiVersion, kind string
	types.NamespacedName
}

// route says who must look when an object changed. It is called for each change
// and only puts keys into queues.
func (c *Controllers) route(r resource, old, now *unstructured.Unstructured) {
	u := now
	if u == nil {
		u = old
	}
	ns, name := u.GetNamespace(), u.GetName()
	switch r {
	case clusterDeployments:
		c.routeDeployment(u, now == nil)
	case sveltosClusters:
		c.look(lookMatch, ns, name)
		c.statusLater(ns, name)
		if now == nil || old == nil || !reflect.DeepEqual(withoutStatus(old), withoutStatus(now)) {
			c.target(keyOf(u))
		}
	case multiClusterServices:
		if specChanged(old, now) {
			c.look(lookService, "", name)
		}
	case clusterProfiles:
		if specChanged(old, now) {
			c.look(lookProfile, "", name)
		}
	case clusterSummaries:
		c.routeSummary(u, old, now)
	case clusterTemplates:
		c.look(lookCluster, ns, name)
	case serviceTemplates:
		c.look(lookTemplate, ns, name)
	case credentials:
		c.look(lookCredential, ns, name)
	case managements:
		c.look(lookKCM, "", name)
	case configMaps:
		c.routeConfigMap(u, old, now)
	case secrets:
		c.routeSecret(u)
	case promxyServerGroups:
		c.once(lookPromxy)
	case vmStorageConnections:
		c.control.addLater(key{kind: lookSelects}, gather)
	case deployments:
		// An upgrade of the chart makes a select what the chart says.
		for _, m := range multilevel {
			if ns == kofNamespace && name == m.deployment && specChanged(old, now) {
				c.control.addLater(key{kind: lookSelects}, gather)
			}
		}
	case namespaces:
		if name == c.Management.Namespace {
			c.once(lookManagement)
		}
		if name == kofNamespace {
			c.once(lookPromxy)
			c.once(lookAlerts)
		}
	case prometheusRules:
		c.once(lookAlerts)
	}
	c.routeReaders(r, ns, name)
}

func (c *Controllers) routeDeployment(u *unstructured.Unstructured, gone bool) {
	c.look(lookDeployment, u.GetNamespace(), u.GetName())
	if !gone {
		return
	}
	// Regions wait for their children to go first.
	for _, other := range c.cache.list(clusterDeployments, nil) {
		if other.GetDeletionTimestamp() != nil {
			c.look(lookDeployment, other.GetNamespace(), other.GetName())
		}
	}
}

func (c *Controllers) routeSummary(u, old, now *unstructured.Unstructured) {
	cluster := summaryCluster(u)
	profile := u.GetLabels()[labelProfile]
	if old == nil || now == nil || old == now || !reflect.DeepEqual(withoutStatus(old), withoutStatus(now)) {
		c.target(cluster)
	}
	if now == nil {
		c.look(lookMatch, cluster.Namespace, cluster.Name)
		c.look(lookDeployment, cluster.Namespace, cluster.Name) // which may wait for this
	}
	c.statusLater(cluster.Namespace, cluster.Name)
	c.matchedLater(profile)
}

// specChanged reports whether an object came, went, or has another spec, or
// whether all is looked at again.
func specChanged(old, now *unstructured.Unstructured) bool {
	return old == nil || now == nil || old == now || old.GetGeneration() != now.GetGeneration()
}

// statusLater is for a ClusterDeployment about which there is news to tell, and
// nothing to do.
func (c *Controllers) statusLater(namespace, name string) {
	c.control.addLater(key{lookDeployment, types.NamespacedName{Namespace: namespace, Name: name}}, gather)
}

// matchedLater tells news of a profile: the longer the list of its clusters, the
// less often.
func (c *Controllers) matchedLater(profile string) {
	after := max(gather, time.Duration(c.cache.count(clusterSummaries))*perSummary)
	c.control.addLater(key{lookMatched, types.NamespacedName{Name: profile}}, after)
}

func (c *Controllers) routeConfigMap(u, old, now *unstructured.Unstructured) {
	labels, ns, name := u.GetLabels(), u.GetNamespace(), u.GetName()
	if labels[LabelRole] == RoleRegional {
		c.look(lookRegion, ns, name)
		c.lookChildren()
	}
	if child, ok := strings.CutPrefix(name, "kof-cluster-config-"); ok {
		c.look(lookDeployment, ns, child)
		if c.isManagement(types.NamespacedName{Namespace: ns, Name: child}) {
			c.once(lookManagement)
		}
		// The region that the child had, and the one that it has.
		for _, data := range []map[string]string{textData(orEmpty(old)), textData(orEmpty(now))} {
			if data[keyRegion] != "" {
				c.targetLater(types.NamespacedName{Namespace: data[keyRegionNamespace], Name: data[keyRegion]})
			}
		}
	}
	_, alert := labels[labelAlertRules]
	_, record := labels[labelRecordRules]
	if alert || record || ns == kofNamespace && name == promxyRules {
		c.once(lookAlerts)
	}
}

// lookChildren looks at all children: a region came, went or changed.
func (c *Controllers) lookChildren() {
	for _, u := range c.cache.indexed(clusterDeployments, RoleChild) {
		c.look(lookDeployment, u.GetNamespace(), u.GetName())
	}
	c.once(lookManagement)
}

func (c *Controllers) routeSecret(u *unstructured.Unstructured) {
	ns, name := u.GetNamespace(), u.GetName()
	if cluster, ok := strings.CutSuffix(name, kubeconfigTail); ok {
		c.look(lookDeployment, ns, cluster)
		c.target(types.NamespacedName{Namespace: ns, Name: cluster})
	}
	if strings.HasPrefix(name, CredentialsSecret("")) {
		c.once(lookPromxy)
		c.control.addLater(key{kind: lookSelects}, gather)
		if cluster := u.GetLabels()[LabelClusterName]; cluster != "" {
			c.look(lookDeployment, ns, cluster)
			c.look(lookRegion, ns, RegionConfigMap(cluster))
			c.targetLater(types.NamespacedName{Namespace: ns, Name: cluster})
			if c.isManagement(types.NamespacedName{Namespace: ns, Name: cluster}) {
				c.once(lookManagement)
			}
			if region := textData(orEmpty(c.cache.get(configMaps, ns, ChildConfigMap(cluster)))); region[keyRegion] != "" {
				c.targetLater(types.NamespacedName{Namespace: region[keyRegionNamespace], Name: region[keyRegion]})
			}
		}
	}
	if ns == kofNamespace && name == promxySecret {
		c.once(lookPromxy)
	}
}

// routeReaders looks at the clusters whose values are made with the object.
func (c *Controllers) routeReaders(r resource, namespace, name string) {
	ref := reference{r.apiVersion(), r.Kind, types.NamespacedName{Namespace: namespace, Name: name}}
	c.mu.Lock()
	readers := make([]types.NamespacedName, 0, len(c.reads[ref]))
	for cluster := range c.reads[ref] {
		readers = append(readers, cluster)
	}
	c.mu.Unlock()
	for _, cluster := range readers {
		c.target(cluster)
	}
}

// addRead notes that a cluster's values are made with an object.
func (c *Controllers) addRead(cluster types.NamespacedName, ref reference) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reads[ref] == nil {
		c.reads[ref] = map[types.NamespacedName]bool{}
	}
	c.reads[ref][cluster] = true
}

// dropReads forgets what a cluster's values were made with before and are not
// now.
func (c *Controllers) dropReads(cluster types.NamespacedName, before, now map[reference]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ref := range before {
		if !now[ref] {
			delete(c.reads[ref], cluster)
			if len(c.reads[ref]) == 0 {
				delete(c.reads, ref)
			}
		}
	}
}

func orEmpty(u *unstructured.Unstructured) *unstructured.Unstructured {
	if u == nil {
		return &unstructured.Unstructured{Object: map[string]any{}}
	}
	return u
}

// withoutStatus is what a change of matters to those who do not read status.
func withoutStatus(u *unstructured.Unstructured) map[string]any {
	out := map[string]any{}
	for k, v := range u.Object {
		if k != "status" && k != "metadata" {
			out[k] = v
		}
	}
	out["labels"], out["annotations"] = u.GetLabels(), u.GetAnnotations()
	out["deleted"] = u.GetDeletionTimestamp() != nil
	return out
}
