package conform

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"sigs.k8s.io/yaml"
)

// k0rdent's labels.
const (
	prefix         = "k0rdent.mirantis.com/"
	labelRole      = prefix + "kof-cluster-role"
	labelRegion    = prefix + "kof-regional-cluster-name"
	labelRegionNS  = prefix + "kof-regional-cluster-namespace"
	labelName      = prefix + "kof-cluster-name"
	labelTenant    = prefix + "kof-tenant-id"
	labelVersion   = prefix + "kof-version"
	roleRegional   = "regional"
	roleChild      = "child"
	defaultTenant  = "PLATFORM"
	keyRegion      = "regional_cluster_name"
	configOfChild  = "kof-cluster-config-"
	configOfRegion = "kof-"

	annotationCollectors = prefix + "kof-collectors-values"
)

// silentAfter is how old the newest sample of a cluster may be: KOF scrapes every 30 s
// at most (kof-facts 3.2); two scrapes, and a minute for batch, queue and retry.
const silentAfter = 2 * time.Minute

// knownCluster is a cluster that should be there.
type knownCluster struct {
	name       string
	region     string // where its telemetry is kept, "" when that is not known
	role       string // of its ClusterDeployment
	deployment object // nil when it is known from telemetry alone
	// called is the name of another cluster that its collectors' values give it.
	called string
	fresh  time.Time
}

// row is the identity of series of up that were there of late, with their number and
// the time of the newest sample that is still an answer.
type row struct {
	cluster, namespace, tenant, region, legacy string
	series                                     float64
	fresh                                      time.Time
}

// survey is what the checks share.
type survey struct {
	*access
	target  Target
	options Options
	now     time.Time
	since   string
	// federated says that series carry promxyCluster: the target is promxy.
	federated bool
	rows      []row
	regions   map[string]*knownRegion
	clusters  map[string]*knownCluster
	causes    map[cause]string

	deployments []object
	configs     []object // ConfigMaps of regions and children
	kubeTrouble error
}

// look collects what the checks share.
func look(ctx context.Context, a *access, t Target, o Options) (*survey, error) {
	s := &survey{
		access: a, target: t, options: o, since: promDuration(o.Since),
		regions: map[string]*knownRegion{}, clusters: map[string]*knownCluster{}, causes: map[cause]string{},
	}
	var err error
	if s.now, err = a.metrics.now(ctx); err != nil {
		return nil, noKOFf("%s does not answer: %v", a.metrics.base, describe(err))
	}
	s.kubeTrouble = s.lookKubernetes(ctx)
	if err := s.lookTelemetry(ctx); err != nil {
		return nil, noKOFf("%s does not answer: %v", a.metrics.base, describe(err))
	}
	if !s.recognized() {
		return nil, noKOFf("%s answers, but no KOF stands behind it: no series of up from the last %s has the label cluster (or, before KOF 1.1, clusterName), and no region is known; give the URL of promxy or of Grafana",
			a.metrics.base, o.Since)
	}
	s.lookRegions(ctx)
	return s, nil
}

// recognized reports whether anything of KOF is to be seen.
func (s *survey) recognized() bool {
	for _, r := range s.rows {
		if r.cluster != "" || r.legacy != "" || r.region != "" {
			return true
		}
	}
	for _, r := range s.regions {
		if r.group != nil || r.told.Name != "" {
			return true
		}
	}
	return len(s.clusters) > 0
}

func (s *survey) region(name string) *knownRegion {
	r := s.regions[name]
	if r == nil {
		r = &knownRegion{name: name}
		s.regions[name] = r
	}
	return r
}

func (s *survey) cluster(name string) *knownCluster {
	c := s.clusters[name]
	if c == nil {
		c = &knownCluster{name: name}
		s.clusters[name] = c
	}
	return c
}

// lookTelemetry finds clusters and regions by the series of up.
func (s *survey) lookTelemetry(ctx context.Context) error {
	a, err := s.metrics.ask(ctx, "count by (promxyCluster) (up)", url.Values{"explain": {"1"}})
	if err != nil {
		return err
	}
	for _, g := range a.Explain.Groups {
		s.region(g.Name).told = g
	}
	here, err := a.samples()
	if err != nil {
		return err
	}
	for _, x := range here {
		if name := x.of("promxyCluster"); name != "" {
			s.region(name).answered = true
			s.federated = true
		}
	}
	const identity = "by (cluster, clusterNamespace, tenant, promxyCluster, clusterName) "
	rows, err := s.metrics.query(ctx, "count "+identity+"(last_over_time(up["+s.since+"]))")
	if err != nil {
		return err
	}
	newest, err := s.metrics.query(ctx, "max "+identity+"(timestamp(up))")
	if err != nil {
		return err
	}
	fresh := map[row]time.Time{}
	for _, x := range newest {
		fresh[rowOf(x)] = instant(x.value)
	}
	for _, x := range rows {
		r := rowOf(x)
		r.fresh, r.series = fresh[r], x.value
		s.rows = append(s.rows, r)
		s.federated = s.federated || r.region != ""
		if r.cluster == "" {
			continue
		}
		c := s.cluster(r.cluster)
		if c.region == "" {
			c.region = r.region
		}
		if r.fresh.After(c.fresh) {
			c.fresh = r.fresh
		}
	}
	before, err := s.metrics.query(ctx, "count by (cluster) (up offset "+promDuration(silentAfter)+")")
	if err != nil {
		return err
	}
	old := map[string]bool{}
	for _, x := range before {
		old[x.of("cluster")] = true
	}
	for name := range s.clusters {
		if !old[name] {
			s.causes[cause{name, settled}] = "it sends for less than " + silentAfter.String() + " now"
		}
	}
	for name, c := range s.clusters {
		if len(s.deployments) > 0 && c.deployment == nil && s.silent(c) {
			delete(s.clusters, name) // it was removed of late: with the objects at hand, they say what is expected
		}
	}
	return nil
}

func rowOf(x sample) row {
	return row{cluster: x.of("cluster"), namespace: x.of("clusterNamespace"), tenant: x.of("tenant"), region: x.of("promxyCluster"), legacy: x.of("clusterName")}
}

// instant is a time that PromQL gave as a number.
func instant(seconds float64) time.Time { return time.UnixMilli(int64(seconds * 1000)).UTC() }

// current reports whether a time is that of telemetry that still comes.
func (s *survey) current(t time.Time) bool { return s.now.Sub(t) <= silentAfter }

// silent reports whether a cluster has sent nothing of late.
func (s *survey) silent(c *knownCluster) bool { return !s.current(c.fresh) }

// lookKubernetes reads the objects that say which clusters and regions there are.
func (s *survey) lookKubernetes(ctx context.Context) error {
	if s.kube == nil {
		return nil
	}
	if err := s.kube.discover(ctx); err != nil {
		return err
	}
	var err error
	if s.deployments, err = s.kube.list(ctx, clusterDeployments, ""); err != nil {
		return err
	}
	if s.configs, err = s.kube.list(ctx, configMaps, labelRole); err != nil {
		return err
	}
	groups, err := s.kube.list(ctx, promxyServerGroups, "")
	if err != nil {
		return err
	}
	for _, g := range groups {
		if name := g.text("spec", "cluster_name"); name != "" {
			s.region(name).group = g
		}
	}
	named := map[string]bool{}
	for _, d := range s.deployments {
		named[d.name()] = true
	}
	for _, d := range s.deployments {
		role := d.label(labelRole)
		if role != roleRegional && role != roleChild {
			continue
		}
		name, called := d.name(), calledOf(d)
		if called != "" && called != name && !named[called] {
			name = called // a name of its own, which is as good
		}
		c := s.cluster(name)
		if called != name {
			c.called = called
		}
		c.role, c.deployment = role, d
		if role == roleRegional {
			c.region = d.name()
			s.region(d.name())
		} else if cm := s.childConfig(d); cm != nil {
			c.region = cm.text("data", keyRegion)
		}
	}
	return nil
}

// calledOf is the cluster's name that a ClusterDeployment gives its collectors, "" for
// its own.
func calledOf(d object) string {
	var values struct {
		Kof struct {
			ClusterName string `json:"clusterName"`
		} `json:"kof"`
	}
	if yaml.Unmarshal([]byte(d.text("spec", "config", "clusterAnnotations", annotationCollectors)), &values) != nil {
		return "" // not ours to complain of: Sveltos does
	}
	return values.Kof.ClusterName
}

// childConfig is the ConfigMap that kof-operator has made for a child.
func (s *survey) childConfig(d object) object { return s.config(d.namespace(), configOfChild+d.name()) }

func (s *survey) config(namespace, name string) object {
	for _, cm := range s.configs {
		if cm.name() == name && (namespace == "" || cm.namespace() == namespace) {
			return cm
		}
	}
	return nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// asJSON is for arguments that are JSON.
func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "{}"
	}
	return string(b)
}
