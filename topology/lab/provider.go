package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"koflab/charts"
	"koflab/charts/release"
	kubestore "koflab/embed/kube/store"
	"koflab/sim/event"
	"koflab/sim/inventory"
	"koflab/topology"
	"koflab/topology/autoconfig"
)

// finalizer keeps a ClusterDeployment until its cluster has been taken down.
const finalizer = "koflab.dev/infrastructure"

// provider does the infrastructure provider's part of Cluster API for embedded
// clusters: for every ClusterDeployment on management it makes a cluster and
// writes its kubeconfig Secret; when one is deleted it takes the cluster down
// after everybody else has let go of it.
type provider struct {
	lab    *Lab
	kick   chan struct{}
	cancel func()
	end    context.CancelFunc
	done   chan struct{}

	stopOnce sync.Once
	// once lets one round happen at a time.
	once sync.Mutex
	// refused remembers what is wrong with ClusterDeployments, to tell it once.
	refused map[string]string
}

func newProvider(l *Lab) *provider {
	p := &provider{lab: l, kick: make(chan struct{}, 1), done: make(chan struct{}), refused: map[string]string{}}
	p.cancel = l.management().embedded.Subscribe(func(c kubestore.Change) {
		if c.Object.GVR.GroupResource() == clusterDeployments {
			p.wake()
		}
	})
	return p
}

func (p *provider) wake() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// start begins to follow ClusterDeployments.
func (p *provider) start() {
	ctx, end := context.WithCancel(context.Background())
	p.end = end
	go func() {
		defer close(p.done)
		for {
			select {
			case <-p.kick:
			case <-ctx.Done():
				return
			}
			if err := p.round(ctx); err != nil && ctx.Err() == nil {
				p.lab.events.Add(event.Warning, "ProvisionFailed", p.lab.managementID, err.Error())
			}
		}
	}()
}

func (p *provider) stop() {
	p.stopOnce.Do(func() {
		p.cancel()
		if p.end != nil {
			p.end()
			<-p.done
		}
	})
}

// round makes the clusters that are missing and takes down those that are not
// wanted any more.
func (p *provider) round(ctx context.Context) error {
	p.once.Lock()
	defer p.once.Unlock()
	var wanted []*unstructured.Unstructured
	for _, o := range p.lab.management().embedded.Server().List(clusterDeployments, "", labels.Everything()) {
		u := &unstructured.Unstructured{}
		if err := o.Into(u); err != nil {
			return fmt.Errorf("ClusterDeployment %s/%s: %w", o.Namespace, o.Name, err)
		}
		if u.GetDeletionTimestamp() == nil {
			wanted = append(wanted, u)
			continue
		}
		if slices.Equal(u.GetFinalizers(), []string{finalizer}) {
			if err := p.remove(ctx, u); err != nil {
				return err
			}
		}
	}
	// Addresses are given in order, whoever is made first.
	var missing []order
	for _, cd := range wanted {
		if p.lab.named(cd.GetNamespace(), cd.GetName()) != nil {
			continue
		}
		spec, err := p.lab.describe(cd)
		if err != nil {
			p.refuse(cd, err)
			continue
		}
		missing = append(missing, order{cd: cd, spec: spec, host: p.lab.hostFor(spec.Role)})
	}
	made := make([]*cluster, len(missing))
	if err := inParallel(indices(len(missing)), startConcurrency/4, func(i int) (err error) {
		made[i], err = p.provision(ctx, missing[i])
		return err
	}); err != nil {
		errs := []error{err}
		for _, c := range made {
			if c != nil {
				errs = append(errs, c.close(context.WithoutCancel(ctx)))
			}
		}
		return errors.Join(errs...)
	}
	for _, c := range made {
		p.lab.add(c)
		if !p.lab.founding.Load() {
			c.follow()
			c.follower.mark("*")
			p.lab.regroup()
		}
	}
	return nil
}

// order is a cluster to be made.
type order struct {
	cd   *unstructured.Unstructured
	spec topology.Cluster
	host host
}

func indices(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// provision makes the cluster of a ClusterDeployment.
func (p *provider) provision(ctx context.Context, o order) (*cluster, error) {
	l := p.lab
	c, err := l.newCluster(o.spec, o.host)
	if err != nil {
		return nil, err
	}
	if err := p.equip(ctx, c); err != nil {
		return nil, errors.Join(err, c.close(context.WithoutCancel(ctx)))
	}
	return c, nil
}

// equip puts into a new cluster what it needs, and tells management of it.
func (p *provider) equip(ctx context.Context, c *cluster) error {
	l := p.lab
	if err := l.furnish(ctx, c); err != nil {
		return err
	}
	kubeconfig, err := c.embedded.Kubeconfig(l.contextOf(c))
	if err != nil {
		return err
	}
	api := l.management().embedded.Server()
	if _, err := api.Create(secrets, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Name + "-kubeconfig", Labels: map[string]string{"cluster.x-k8s.io/cluster-name": c.Name}},
		Type:       "cluster.x-k8s.io/secret", Data: map[string][]byte{"value": kubeconfig},
	}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	if !l.founding.Load() {
		l.emit(event.Normal, "ClusterMade", c.ID, fmt.Sprintf("%s %s with %d nodes", c.Cloud, roleName(c.Role), c.spec.Nodes))
	}
	return l.edit(c.Namespace, c.Name, func(u *unstructured.Unstructured) bool {
		if slices.Contains(u.GetFinalizers(), finalizer) {
			return false
		}
		u.SetFinalizers(append(u.GetFinalizers(), finalizer))
		return true
	})
}

// refuse tells, once, why a ClusterDeployment gets no cluster.
func (p *provider) refuse(cd *unstructured.Unstructured, err error) {
	key := cd.GetNamespace() + "/" + cd.GetName()
	if p.refused[key] != err.Error() {
		p.refused[key] = err.Error()
		p.lab.events.Add(event.Warning, "ClusterRefused", key, err.Error())
	}
}

// describe is the cluster of a ClusterDeployment: as the specification has it, or
// for one that came later as the object itself says.
func (l *Lab) describe(cd *unstructured.Unstructured) (topology.Cluster, error) {
	for _, c := range l.spec().Clusters() {
		if c.Role != topology.RoleManagement && c.Namespace == cd.GetNamespace() && c.Name == cd.GetName() {
			return c, nil
		}
	}
	c, err := autoconfig.ClusterOf(cd, l.stack)
	if err != nil {
		return c, err
	}
	c, err = topology.Complete(c)
	if err != nil {
		return c, fmt.Errorf("ClusterDeployment %s/%s: %w", cd.GetNamespace(), cd.GetName(), err)
	}
	if l.cluster(c.ID) != nil {
		c.ID = c.Namespace + "/" + c.Name
	}
	return c, nil
}

// furnish puts into a cluster what is there before KOF comes: the system's own
// workloads and the applications to observe.
func (l *Lab) furnish(ctx context.Context, c *cluster) error {
	if err := c.createSystem(); err != nil {
		return err
	}
	values := inventory.ShopValues(c.spec)
	if apps, _ := values["apps"].([]any); len(apps) == 0 {
		return nil
	}
	chart, err := charts.Load("demo-shop")
	if err != nil {
		return err
	}
	installer, err := l.installer(c)
	if err != nil {
		return err
	}
	_, err = installer.Apply(ctx, release.Release{
		Name: "demo-shop", Namespace: "shop", Chart: chart, Values: values, CreateNamespace: true, Timeout: installTimeout,
	})
	return err
}

// remove takes down the cluster of a ClusterDeployment that only the provider
// still holds.
func (p *provider) remove(ctx context.Context, cd *unstructured.Unstructured) error {
	l, namespace, name := p.lab, cd.GetNamespace(), cd.GetName()
	if c := l.named(namespace, name); c != nil {
		if err := l.takeDown(ctx, c); err != nil {
			return err
		}
		l.emit(event.Normal, "ClusterRemoved", c.ID, "its ClusterDeployment was deleted")
	}
	err := l.management().embedded.Server().Delete(secrets, namespace, name+"-kubeconfig", metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return l.edit(namespace, name, func(u *unstructured.Unstructured) bool {
		u.SetFinalizers(slices.DeleteFunc(u.GetFinalizers(), func(s string) bool { return s == finalizer }))
		return true
	})
}

// takeDown ends a cluster and what runs for it, and forgets it.
func (l *Lab) takeDown(ctx context.Context, c *cluster) error {
	c.follower.stop()
	if err := c.stopCollector(ctx); err != nil {
		return err
	}
	if s := l.store(c.ID); s != nil {
		if err := l.closeStore(s); err != nil {
			return err
		}
	}
	l.mu.Lock()
	delete(l.clusters, c.ID)
	l.order = slices.DeleteFunc(l.order, func(id string) bool { return id == c.ID })
	l.mu.Unlock()
	return c.embedded.Close(ctx)
}

// edit changes a ClusterDeployment until nobody else has changed it meanwhile. A
// deleted one is left alone.
func (l *Lab) edit(namespace, name string, change func(*unstructured.Unstructured) bool) error {
	api := l.management().embedded.Server()
	for {
		o, err := api.Get(clusterDeployments, namespace, name)
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		u := &unstructured.Unstructured{}
		if err := o.Into(u); err != nil {
			return err
		}
		if !change(u) {
			return nil
		}
		if _, err := api.Update(clusterDeployments, u, ""); !apierrors.IsConflict(err) {
			return err
		}
	}
}

// whyUnresolved is what kof-operator says about a child without a region.
func (l *Lab) whyUnresolved(c *cluster) string {
	o, err := l.management().embedded.Server().Get(clusterDeployments, c.Namespace, c.Name)
	if err != nil {
		return err.Error()
	}
	u := &unstructured.Unstructured{}
	if err := o.Into(u); err != nil {
		return err.Error()
	}
	conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, c := range conditions {
		m, _ := c.(map[string]any)
		if m["type"] == "RegionFound" && m["status"] != "True" {
			message, _ := m["message"].(string)
			return message
		}
	}
	return "its region has not been found yet"
}
