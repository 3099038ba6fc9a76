package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"koflab/charts"
	"koflab/charts/release"
	"koflab/sim/event"
	"koflab/sim/inventory"
	"koflab/topology"
	"koflab/topology/autoconfig"
)

// installTimeout bounds, in real time, how long the objects of one release may
// take to become ready.
const installTimeout = 2 * time.Minute

// found brings the clusters into being: management with its charts, then, through
// ClusterDeployments and what KCM, Sveltos and kof-operator make of them, all
// others. Meanwhile the clusters' time stands still at the inventory's epoch.
func (l *Lab) found(ctx context.Context) error {
	l.founding.Store(true)
	l.saveMemory(foundingGC)
	l.guards = newGuards(l)
	l.onClose(l.closeStores)
	l.onClose(l.closeClusters)
	management, err := l.newCluster(l.opts.Spec.Clusters()[0], l.addresses.management())
	if err != nil {
		return err
	}
	l.managementID = management.ID
	l.add(management)
	if err := l.openFederation(ctx); err != nil {
		return err
	}
	if err := l.furnish(ctx, management); err != nil {
		return err
	}
	if err := l.installManagement(ctx); err != nil {
		return err
	}
	l.provider = newProvider(l)
	if err := l.startAutoconfig(ctx); err != nil {
		return err
	}
	if err := l.deployClusters(ctx); err != nil {
		return err
	}
	return l.settle(ctx)
}

// A lab of many clusters trades processor time for memory: percentages for the
// garbage collector while it is founded and afterwards.
const (
	manyClusters = 100
	foundingGC   = 40
	runningGC    = 10
)

// saveMemory sets the garbage collector's percentage, in labs of many clusters and
// unless the environment says otherwise.
func (l *Lab) saveMemory(percent int) {
	if len(l.opts.Spec.Regions)+len(l.opts.Spec.Children) > manyClusters && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// closeClusters ends the controllers and all Kubernetes APIs.
func (l *Lab) closeClusters(ctx context.Context) error {
	if l.provider != nil {
		l.provider.stop()
	}
	if l.autoconfig != nil {
		l.autoconfig.Close()
	}
	return inParallel(l.all(), 4*startConcurrency, func(c *cluster) error { return c.close(ctx) })
}

// createSystem makes what a Kubernetes distribution runs by itself.
func (c *cluster) createSystem() error {
	api := c.embedded.Server()
	daemons, deployments, services := inventory.System()
	for i := range daemons {
		if _, err := api.Create(resource("apps", "daemonsets"), &daemons[i]); err != nil {
			return err
		}
	}
	for i := range deployments {
		if _, err := api.Create(resource("apps", "deployments"), &deployments[i]); err != nil {
			return err
		}
	}
	for i := range services {
		if _, err := api.Create(resource("", "services"), &services[i]); err != nil {
			return err
		}
	}
	return nil
}

// installManagement installs the charts that the stack has for management by
// itself; all other charts come through them.
func (l *Lab) installManagement(ctx context.Context) error {
	m := l.management()
	installer, err := l.installer(m)
	if err != nil {
		return err
	}
	start := l.wall.Now()
	var releases []release.Release
	for _, i := range l.managementReleases() {
		chart, err := charts.Load(i.chart)
		if err != nil {
			return err
		}
		releases = append(releases, release.Release{
			Name: i.chart, Namespace: i.namespace, Chart: chart, Values: i.values, DependsOn: i.after,
			CreateNamespace: true, Timeout: installTimeout,
		})
	}
	results, err := installer.ApplyAll(ctx, releases)
	if err != nil {
		return fmt.Errorf("install the charts of %s: %w", m.ID, err)
	}
	l.emit(event.Normal, "ChartsInstalled", m.ID, fmt.Sprintf("%d releases in %.2f s", len(results), l.wall.Now().Sub(start).Seconds()))
	return nil
}

func (l *Lab) installer(c *cluster) (*release.Client, error) {
	return release.New(release.Options{Config: c.embedded.RESTConfig(), Cluster: c.ID, Now: l.now, Clock: l.clock})
}

// now is the clusters' time.
func (l *Lab) now() time.Time {
	if l.founding.Load() {
		return inventory.DefaultEpoch
	}
	return l.clock.Now()
}

// startAutoconfig starts the controllers of KCM, Sveltos and KOF on management.
func (l *Lab) startAutoconfig(ctx context.Context) error {
	m := l.management()
	var err error
	// The controllers outlive the start; Close ends them.
	l.autoconfig, err = autoconfig.Run(context.WithoutCancel(ctx), autoconfig.Options{
		Config: m.embedded.RESTConfig(), Management: l.opts.Spec.Management, Stack: l.stack,
		Network: l.opts.Spec.Network, ManagementData: l.opts.Spec.ManagementData, CrossNamespace: l.opts.Spec.CrossNamespace,
		Clock: l.clock, Connect: l.connectTo, Workers: startConcurrency / 2, ReleaseTimeout: installTimeout,
		// Passwords reach the names of pods through checksums in their templates, so
		// they follow from the seed like everything else that has a name.
		PasswordSeed: strconv.FormatInt(l.opts.Spec.Seed, 10),
		Now:          l.now,
		Event: func(level, reason, object, message string) {
			l.events.Add(event.Level(level), reason, object, message)
		},
	})
	return err
}

// connectTo reaches a cluster of this process without a socket, and any other by
// its kubeconfig.
func (l *Lab) connectTo(_ context.Context, namespace, name string, kubeconfig []byte) (*rest.Config, error) {
	if c := l.named(namespace, name); c != nil {
		return c.embedded.RESTConfig(), nil
	}
	return clientcmd.RESTConfigFromKubeConfig(kubeconfig)
}

// deployClusters writes the specification's ClusterDeployments and makes their
// clusters.
func (l *Lab) deployClusters(ctx context.Context) error {
	api := l.management().embedded.Server()
	n := 0
	for _, u := range autoconfig.ClusterDeployments(l.opts.Spec, l.stack) {
		if u.GetKind() == "Namespace" {
			_, err := api.Create(namespaces, u)
			if err != nil && !apierrors.IsAlreadyExists(err) {
				return err
			}
			continue
		}
		n++
		if _, err := api.Create(clusterDeployments, u); err != nil {
			return err
		}
	}
	start := l.wall.Now()
	if err := l.provider.round(ctx); err != nil {
		return err
	}
	l.emit(event.Normal, "ClustersMade", "clusters", fmt.Sprintf("%d ClusterDeployments provisioned in %.2f s", n, l.wall.Now().Sub(start).Seconds()))
	return nil
}

// settle waits until nobody has anything left to do: what one controller does
// gives others work, until all agree.
func (l *Lab) settle(ctx context.Context) error {
	start := l.wall.Now()
	for before := int64(-1); ; {
		if err := l.autoconfig.Settle(ctx); err != nil {
			return err
		}
		if err := inParallel(l.all(), startConcurrency, func(c *cluster) error { return c.embedded.Settle(ctx) }); err != nil {
			return err
		}
		now := int64(0)
		for _, c := range l.all() {
			now += int64(c.embedded.Server().ResourceVersion())
		}
		if now == before {
			break
		}
		before = now
	}
	if err := l.checkInstalled(); err != nil {
		return err
	}
	l.emit(event.Normal, "Installed", "clusters", fmt.Sprintf("%d clusters have their charts, %.2f s", len(l.all()), l.wall.Now().Sub(start).Seconds()))
	return nil
}

// checkInstalled tells of clusters where services failed; only management must be
// whole for a lab to come up.
func (l *Lab) checkInstalled() error {
	api := l.management().embedded.Server()
	for _, c := range l.all() {
		if c.Role == topology.RoleManagement {
			continue
		}
		o, err := api.Get(clusterDeployments, c.Namespace, c.Name)
		if err != nil {
			return err
		}
		u := &unstructured.Unstructured{}
		if err := o.Into(u); err != nil {
			return err
		}
		conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
		for _, raw := range conditions {
			m, _ := raw.(map[string]any)
			if m["type"] == "ServicesInReadyState" && m["status"] == "False" {
				l.emit(event.Warning, "ServicesNotReady", c.ID, fmt.Sprint(m["message"]))
			}
		}
	}
	return nil
}

// openEngines makes the engines what the objects of the founded clusters say, and
// lets the clusters' time run.
func (l *Lab) openEngines(ctx context.Context) error {
	all := l.all()
	for _, c := range all {
		c.follower.take() // what has changed up to here is what is read now
	}
	l.syncRegions()
	if err := inParallel(all, startConcurrency, func(c *cluster) error {
		c.syncMu.Lock()
		defer c.syncMu.Unlock()
		return l.syncStore(c)
	}); err != nil {
		return err
	}
	l.guards.begin()
	l.mu.RLock()
	n := len(l.stores)
	l.mu.RUnlock()
	l.emit(event.Normal, "StoresOpen", "regions", fmt.Sprintf("%d storing clusters listen in %s", n, l.addresses))
	if n == 0 && l.storeCount() > 0 && (len(l.opts.Spec.Regions) > 0 || l.opts.Spec.ManagementData.Stores()) {
		return errors.New("no cluster has storage that is ready; see 'koflab events'")
	}
	if err := l.syncFederation(); err != nil {
		return err
	}
	l.founding.Store(false)
	for _, c := range all {
		c.embedded.Live()
	}
	l.saveMemory(runningGC)
	return l.openCollectors(ctx)
}

// followClusters begins to follow what happens to the clusters, until the lab
// closes: what is taken down then must not come back.
func (l *Lab) followClusters(context.Context) error {
	l.onClose(func(context.Context) error {
		l.provider.stop()
		for _, c := range l.all() {
			c.follower.stop()
		}
		return nil
	})
	for _, c := range l.all() {
		c.follow()
	}
	l.provider.start()
	l.provider.wake()
	return nil
}
