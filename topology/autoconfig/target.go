package autoconfig

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// targetState is what is remembered of a target cluster between looks at it.
// Only the worker that has the cluster uses it, but for force.
type targetState struct {
	// force asks for a comparison of everything with the cluster.
	force atomic.Bool
	// applied has digests of what was brought to the cluster, by what it is.
	applied map[string]string
	reads   map[reference]bool
}

func (c *Controllers) state(cluster types.NamespacedName) *targetState {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.states[cluster]
	if s == nil {
		s = &targetState{applied: map[string]string{}}
		c.states[cluster] = s
	}
	return s
}

func (c *Controllers) forget(cluster types.NamespacedName) {
	c.mu.Lock()
	s := c.states[cluster]
	delete(c.states, cluster)
	c.mu.Unlock()
	if s != nil {
		c.dropReads(cluster, s.reads, nil)
	}
}

// visit is one look at a target cluster.
type visit struct {
	*Controllers
	id      types.NamespacedName
	cluster *unstructured.Unstructured
	state   *targetState
	force   bool
	target  *target // nil until it is needed
	reads   map[reference]bool
	errs    []error
}

// lookTarget brings to one cluster what it should have.
func (c *Controllers) lookTarget(ctx context.Context, id types.NamespacedName) error {
	cluster := c.cache.get(sveltosClusters, id.Namespace, id.Name)
	summaries := c.summariesOf(id)
	if cluster == nil {
		c.forget(id)
		return c.abandon(ctx, summaries)
	}
	v := &visit{Controllers: c, id: id, cluster: cluster, state: c.state(id), reads: map[reference]bool{}}
	v.force = v.state.force.Swap(false)
	defer v.close()
	if v.going() {
		v.withdrawAll(ctx, summaries)
		for ref := range v.state.reads {
			v.reads[ref] = true // all to be forgotten with the cluster
		}
		v.state.reads = v.reads
		return v.outcome()
	}
	if v.kubeconfig() == nil {
		return nil // the Secret's coming will bring us back
	}
	if ready, _, _ := unstructured.NestedBool(cluster.Object, "status", "ready"); !ready || v.force {
		if _, err := v.connect(ctx); err != nil {
			return v.unreachable(ctx, err)
		}
	}
	v.credentials(ctx)
	v.withdrawAll(ctx, summaries)
	done := v.provisionAll(ctx, summaries)
	v.users(ctx, done)
	c.dropReads(id, v.state.reads, v.reads)
	v.state.reads = v.reads
	return v.outcome()
}

// outcome is nil when all that is missing will tell when it is there.
func (v *visit) outcome() error {
	var errs []error
	for _, err := range v.errs {
		var missing *awaited
		if !errors.As(err, &missing) {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		if v.force {
			v.state.force.Store(true) // it was not compared with all of the cluster
		}
		return fmt.Errorf("cluster %s: %w", v.id, errors.Join(errs...))
	}
	return nil
}

func (v *visit) fail(err error) {
	if err != nil {
		v.errs = append(v.errs, err)
	}
}

// close drops the connections to the cluster.
func (v *visit) close() {
	if v.target != nil {
		v.target.close()
	}
}

// kubeconfig is the cluster's; for management, which needs none, it is empty but
// not nil.
func (v *visit) kubeconfig() []byte {
	if v.isManagement(v.id) {
		return []byte{}
	}
	name := or(str(v.cluster.Object, "spec", "kubeconfigName"), v.id.Name+kubeconfigTail)
	secret := v.cache.get(secrets, v.id.Namespace, name)
	if secret == nil {
		return nil
	}
	return secretData(secret)[or(str(v.cluster.Object, "spec", "kubeconfigKeyName"), kubeconfigKey)]
}

// connect reaches the cluster, once per visit, and notes that it answers.
func (v *visit) connect(ctx context.Context) (*target, error) {
	if v.target != nil {
		return v.target, nil
	}
	config := v.Config
	if !v.isManagement(v.id) {
		if v.kubeconfig() == nil {
			return nil, errors.New("its kubeconfig is missing")
		}
		var err error
		if config, err = v.Connect(ctx, v.id.Namespace, v.id.Name, v.kubeconfig()); err != nil {
			return nil, err
		}
	}
	t, err := newTarget(config, v.id, v.Options)
	if err != nil {
		return nil, err
	}
	v.target = t
	version, err := t.version(ctx)
	if err != nil {
		return nil, err
	}
	v.untell("Unreachable", sveltosClusters.name(v.id.Namespace, v.id.Name))
	return t, v.api.setStatus(ctx, sveltosClusters, v.cluster, map[string]any{
		"ready": true, "version": version, "connectionStatus": "Healthy", "connectionFailures": int64(0),
	})
}

// unreachable notes that the cluster does not answer.
func (v *visit) unreachable(ctx context.Context, err error) error {
	failures, _, _ := unstructured.NestedInt64(v.cluster.Object, "status", "connectionFailures")
	status := map[string]any{
		"connectionStatus": "Down", "failureMessage": err.Error(), "connectionFailures": failures + 1,
	}
	// Sveltos calls a cluster ready once it has answered, and keeps that.
	if ready, found, _ := unstructured.NestedBool(v.cluster.Object, "status", "ready"); found {
		status["ready"] = ready
	}
	if version := str(v.cluster.Object, "status", "version"); version != "" {
		status["version"] = version
	}
	v.warn(ctx, sveltosClusters, v.cluster, "Unreachable", err.Error())
	if bad := v.api.setStatus(ctx, sveltosClusters, v.cluster, status); bad != nil {
		return bad
	}
	return &unreachableError{v.id, err}
}

// unreachableError is told where it happens.
type unreachableError struct {
	cluster types.NamespacedName
	err     error
}

func (e *unreachableError) Error() string {
	return fmt.Sprintf("cluster %s does not answer: %v", e.cluster, e.err)
}
func (e *unreachableError) Unwrap() error { return e.err }

// changed reports whether something has to be brought to the cluster.
func (v *visit) changed(what, digest string) bool {
	return v.force || v.state.applied[what] != digest
}

// credentials gives a child its user's name and password, before collectors
// come that need them.
func (v *visit) credentials(ctx context.Context) {
	config := v.cache.get(configMaps, v.id.Namespace, ChildConfigMap(v.id.Name))
	if config == nil || textData(config)[keyIstio] != "" {
		return
	}
	user := ChildUser(v.id.Name, v.id.Namespace)
	source := v.cache.get(secrets, v.id.Namespace, CredentialsSecret(user))
	if source == nil {
		return
	}
	data := secretData(source)
	sum := checksum(data)
	if !v.changed("credentials", sum) {
		return
	}
	t, err := v.connect(ctx)
	if err != nil {
		v.fail(v.unreachable(ctx, err))
		return
	}
	err = t.ensureNamespace(ctx, kofNamespace)
	if err == nil {
		err = t.apply(ctx, credentialsSecret(kofNamespace, childSecret, data))
	}
	if err != nil {
		v.fail(err)
		return
	}
	v.state.applied["credentials"] = sum
}

// users makes the users of a region's gateway: management's own, and one for
// each child that writes there. Those of children that went are removed.
func (v *visit) users(ctx context.Context, provisioned bool) {
	cm := v.cache.get(configMaps, v.id.Namespace, RegionConfigMap(v.id.Name))
	if cm == nil || cm.GetLabels()[LabelRole] != RoleRegional {
		return
	}
	r, err := readRegion(cm)
	if err != nil || r.istio() || r.Foreign || r.Name != v.id.Name || !provisioned {
		return
	}
	wanted, digest := v.usersOf(r)
	if !v.changed("users", digest) {
		return
	}
	t, err := v.connect(ctx)
	if err != nil {
		v.fail(v.unreachable(ctx, err))
		return
	}
	if err := t.sync(ctx, wanted, secrets, vmUsers); err != nil {
		if isMissing(err) {
			err = fmt.Errorf("%w: VMUser is no kind there: its operator's chart has not been installed", err)
		}
		v.fail(err)
		return
	}
	v.state.applied["users"] = digest
}

// usersOf are the users of a region as objects for it.
func (c *Controllers) usersOf(r *region) ([]*unstructured.Unstructured, string) {
	tenants := map[string]string{}          // by user
	namespace := map[string]string{}        // of a user's Secret
	admin := AdminUser(r.Name, r.Namespace) //
	tenants[admin], namespace[admin] = "", r.ConfigMap.Namespace
	for _, cm := range c.cache.indexed(configMaps, RoleChild) {
		child, ok := strings.CutPrefix(cm.GetName(), "kof-cluster-config-")
		data := textData(cm)
		if !ok || data[keyRegion] != r.Name || data[keyRegionNamespace] != r.Namespace || data[keyIstio] != "" {
			continue
		}
		tenant := ""
		if cd := c.cache.get(clusterDeployments, cm.GetNamespace(), child); cd != nil {
			if d, _ := readDeployment(cd); d != nil {
				tenant = d.tenant(c.Stack)
			}
		} else if !c.isManagement(types.NamespacedName{Namespace: cm.GetNamespace(), Name: child}) {
			continue // its ClusterDeployment is gone, and the ConfigMap is about to be
		}
		user := ChildUser(child, cm.GetNamespace())
		tenants[user], namespace[user] = tenant, cm.GetNamespace()
	}
	var out []*unstructured.Unstructured
	digest := ""
	for _, user := range slices.Sorted(maps.Keys(tenants)) {
		source := c.cache.get(secrets, namespace[user], CredentialsSecret(user))
		if source == nil {
			continue
		}
		data := secretData(source)
		// The Secret first: the user refers to it.
		out = append(out,
			label(credentialsSecret(kofNamespace, CredentialsSecret(user), data), labelUser, "true"),
			label(vmUser(user, tenants[user], c.Stack), labelUser, "true"))
		digest += user + " " + tenants[user] + " " + checksum(data) + "\n"
	}
	return out, digest
}

// abandon lets go of what was installed on a cluster that is gone.
func (c *Controllers) abandon(ctx context.Context, summaries []*unstructured.Unstructured) error {
	var errs []error
	for _, s := range summaries {
		if s.GetDeletionTimestamp() == nil {
			errs = append(errs, c.api.remove(ctx, clusterSummaries, s.GetNamespace(), s.GetName()))
		}
		_, err := c.api.setFinalizer(ctx, clusterSummaries, s, finalizerSummary, false)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *Controllers) isManagement(id types.NamespacedName) bool {
	return id.Name == c.Management.Name && id.Namespace == c.Management.Namespace
}
