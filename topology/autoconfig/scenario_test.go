package autoconfig

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"koflab/topology"
)

const sys = SystemNamespace

const twoRegions = `
regions: [{name: r1, cloud: aws, location: us-east-2}, {name: r2, cloud: azure, location: westeurope}]
children: [{name: c1, cloud: aws, location: us-east-2}, {name: c2, region: r2, tenant: team-a}]
`

func TestALabComesUp(t *testing.T) {
	w := newWorld(t)
	require.Empty(t, w.groups())
	w.deploy(twoRegions)
	require.Empty(t, w.warnings())

	for _, name := range []string{"r1", "r2", "c1", "c2"} {
		require.Equal(t, "True Object is ready", w.condition(clusterDeployments, sys, name, ConditionReady), name)
	}
	require.Equal(t, "True 5/5", w.servicesOf("r1"))
	require.Equal(t, "True 3/3", w.servicesOf("c1"))
	require.Equal(t, "True region r1 by location", w.condition(clusterDeployments, sys, "c1", ConditionRegion))
	require.Equal(t, "True region r2 by label", w.condition(clusterDeployments, sys, "c2", ConditionRegion))
	require.Equal(t, "cert-manager:1 ingress-nginx:1 kof-collectors:1 kof-operators:1 kof-storage:1", w.cluster(sys, "r1").releases())
	require.Equal(t, "cert-manager:1 kof-collectors:1 kof-operators:1", w.cluster(sys, "c1").releases())
	require.Equal(t, "True 6/6", w.condition(multiClusterServices, "", "kof-child-cluster", ConditionServices))
	require.Equal(t, "True 2/2", w.condition(multiClusterServices, "", "kof-regional-cluster", conditionClusters))

	require.Equal(t, []string{"r1", "r2"}, w.groups())
	admin, child := AdminUser("r2", sys), ChildUser("c2", sys)
	require.ElementsMatch(t, []string{vmUserName(admin), vmUserName(child)}, w.cluster(sys, "r2").list(vmUsers, "kof"))
	user := w.cluster(sys, "r2").get(vmUsers, "kof", vmUserName(child))
	require.Contains(t, toYAML(t, user.Object), "extra_label\n      values:\n      - tenant=team-a")
	want := secretData(w.get(secrets, sys, CredentialsSecret(child)))
	require.Equal(t, want, secretData(w.cluster(sys, "r2").get(secrets, "kof", CredentialsSecret(child))))
	require.Equal(t, want, secretData(w.cluster(sys, "c2").get(secrets, "kof", childSecret)))
	require.Equal(t, child, string(want["username"]))
	require.Equal(t, checksum(want), textData(w.get(configMaps, sys, ChildConfigMap("c2")))[keyChecksum])

	// Nothing is left to do: another look writes nothing.
	before := w.server.ResourceVersion()
	w.auto.Resync()
	w.settle()
	require.Equal(t, before, w.server.ResourceVersion())
	require.Equal(t, "cert-manager:1 kof-collectors:1 kof-operators:1", w.cluster(sys, "c1").releases())
}

// Scenario 11: without kof-version nothing selects a cluster, and nothing
// complains.
func TestMissingVersionLabel(t *testing.T) {
	w := newWorld(t)
	w.deploy("regions: [{name: r1}]\nchildren: [{name: c1}]")
	w.create(clusterDeployments, `
metadata: {name: c9, namespace: kcm-system, labels: {k0rdent.mirantis.com/kof-cluster-role: child}}
spec: {template: docker-hosted-cp-1-0-0, credential: docker-credential, config: {}}`)
	w.provide(sys, "c9")
	w.settle()
	require.Equal(t, "True 0/0", w.servicesOf("c9"))
	require.Equal(t, "True Object is ready", w.condition(clusterDeployments, sys, "c9", ConditionReady))
	require.Empty(t, w.cluster(sys, "c9").releases())
	require.Empty(t, w.warnings())

	w.patch(clusterDeployments, sys, "c9", `metadata: {labels: {k0rdent.mirantis.com/kof-version: "0.3.0"}}`)
	w.settle()
	require.Equal(t, "True 3/3", w.servicesOf("c9"))
	require.Equal(t, "cert-manager:1 kof-collectors:1 kof-operators:1", w.cluster(sys, "c9").releases())

	// A label that goes takes the match with it, and the services stay.
	w.patch(clusterDeployments, sys, "c9", `metadata: {labels: {k0rdent.mirantis.com/kof-version: null}}`)
	w.settle()
	require.Equal(t, "True 0/0", w.servicesOf("c9"))
	require.Equal(t, "cert-manager:1 kof-collectors:1 kof-operators:1", w.cluster(sys, "c9").releases())
}

// Scenarios 12 and 13: a label that names no region, and a cloud that never
// matches.
func TestRegionNotFound(t *testing.T) {
	w := newWorld(t)
	w.deploy(`
regions: [{name: r1}]
children:
- {name: c1, region: r9, allowUnresolved: true}
- {name: c2, cloud: adopted, allowUnresolved: true}`)
	const name = "ClusterDeployment kcm-system/"
	require.ElementsMatch(t, []string{
		"Warning RegionNotFound " + name + `c1: region "r9" does not exist, choose one of r1 (in KOF: change label k0rdent.mirantis.com/kof-regional-cluster-name)`,
		"Warning RegionNotFound " + name + "c2: cloud adopted never matches a region by location, set region: (in KOF: add label k0rdent.mirantis.com/kof-regional-cluster-name)",
	}, w.warnings())
	require.Nil(t, w.get(configMaps, sys, ChildConfigMap("c1")))
	require.Equal(t, "False 0/3", w.servicesOf("c1"))
	require.Empty(t, w.cluster(sys, "c1").releases())
	summary := w.get(clusterSummaries, sys, summaryName("kof-child-cluster", "c1"))
	require.Contains(t, toYAML(t, summary.Object["status"]), "waiting for ConfigMap kcm-system/kof-cluster-config-c1")

	w.patch(clusterDeployments, sys, "c1", "metadata: {labels: {k0rdent.mirantis.com/kof-regional-cluster-name: r1}}")
	w.patch(clusterDeployments, sys, "c2", "metadata: {labels: {k0rdent.mirantis.com/kof-regional-cluster-name: r1}}")
	w.settle()
	require.Equal(t, "True 3/3", w.servicesOf("c1"))
	require.Equal(t, "True 3/3", w.servicesOf("c2"))
}

// Scenario 14: a region once chosen stays, until the child's ConfigMap goes.
func TestChosenRegionStays(t *testing.T) {
	w := newWorld(t)
	w.deploy("regions: [{name: r2, cloud: aws, location: x}]\nchildren: [{name: c1, cloud: aws, location: x}]")
	require.Equal(t, "r2", w.regionOf(sys, "c1"))
	w.deploy("regions: [{name: r1, cloud: aws, location: x}, {name: r2, cloud: aws, location: x}]\nchildren: [{name: c1, cloud: aws, location: x}]")
	require.Equal(t, "r2", w.regionOf(sys, "c1"))
	require.Equal(t, "True region r2 by location", w.condition(clusterDeployments, sys, "c1", ConditionRegion))

	w.remove(configMaps, sys, ChildConfigMap("c1"))
	w.settle()
	require.Equal(t, "r1", w.regionOf(sys, "c1"), "both are of one age, so their names decide")
}

// Scenario 15: a child that is labelled anew writes to the other region, as the
// same user.
func TestChildMoves(t *testing.T) {
	w := newWorld(t)
	w.deploy(twoRegions)
	user := vmUserName(ChildUser("c1", sys))
	require.Contains(t, w.cluster(sys, "r1").list(vmUsers, "kof"), user)

	w.patch(clusterDeployments, sys, "c1", "metadata: {labels: {k0rdent.mirantis.com/kof-regional-cluster-name: r2}}")
	w.settle()
	require.Equal(t, "r2", w.regionOf(sys, "c1"))
	require.Equal(t, "cert-manager:1 kof-collectors:2 kof-operators:1", w.cluster(sys, "c1").releases())
	require.Contains(t, w.cluster(sys, "r2").list(vmUsers, "kof"), user)
	require.NotContains(t, w.cluster(sys, "r1").list(vmUsers, "kof"), user)
	require.NotContains(t, w.cluster(sys, "r1").list(secrets, "kof"), CredentialsSecret(ChildUser("c1", sys)))
}

// Scenario 16: two children of one name in two namespaces are two clusters.
func TestOneNameInTwoNamespaces(t *testing.T) {
	w := newWorld(t)
	w.deploy(`
crossNamespace: true
regions: [{name: r1}, {name: r2, namespace: team-a}]
children: [{name: c1, region: r1, regionNamespace: kcm-system}, {name: c1, namespace: team-a, region: r2, regionNamespace: team-a}]`)
	require.Equal(t, "r1", w.regionOf(sys, "c1"), "crossNamespace is off in this world, so the other label is not read")
	require.Equal(t, "r2", w.regionOf("team-a", "c1"))
}

func TestCrossNamespace(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.CrossNamespace = true })
	w.deploy(`
crossNamespace: true
regions: [{name: r1}]
children: [{name: c1, region: r1, regionNamespace: kcm-system}, {name: c1, namespace: team-a, region: r1, regionNamespace: kcm-system}]`)
	require.Empty(t, w.warnings())
	require.Equal(t, "r1", w.regionOf(sys, "c1"))
	require.Equal(t, "r1", w.regionOf("team-a", "c1"))
	require.ElementsMatch(t, []string{
		vmUserName(AdminUser("r1", sys)), vmUserName(ChildUser("c1", sys)), vmUserName(ChildUser("c1", "team-a")),
	}, w.cluster(sys, "r1").list(vmUsers, "kof"))
	require.Equal(t, "cert-manager:1 kof-collectors:1 kof-operators:1", w.cluster("team-a", "c1").releases())
}

// Scenarios 23 and 52: rules of one cluster's own, and a ConfigMap that its user
// edits.
func TestAlertRulesFollowTheirInputs(t *testing.T) {
	w := newWorld(t)
	rules := func() map[string]string { return textData(w.get(configMaps, kofNamespace, promxyRules)) }
	require.Contains(t, rules(), "general.rules.yaml")
	require.Contains(t, rules()["general.rules.yaml"], "alert: Watchdog")
	before := w.reloads.Load()

	w.create(configMaps, `
metadata: {name: kof-alert-rules-cluster-c1, namespace: kof, labels: {k0rdent.mirantis.com/kof-alert-rules-cluster-name: c1}}
data:
  general.rules: "TargetDown: {for: 1h, labels: {severity: info}}"`)
	w.settle()
	require.Contains(t, rules()["__c1__general.rules.yaml"], "for: 1h")
	require.Greater(t, w.reloads.Load(), before)

	w.patch(configMaps, kofNamespace, promxyRules, "metadata: {labels: {k0rdent.mirantis.com/kof-generated: 'false'}}\ndata: {mine.yaml: 'groups: []'}")
	w.remove(configMaps, kofNamespace, "kof-alert-rules-cluster-c1")
	w.settle()
	require.Contains(t, rules(), "mine.yaml")
	require.Contains(t, rules(), "__c1__general.rules.yaml")

	w.patch(configMaps, kofNamespace, promxyRules, "metadata: {labels: {k0rdent.mirantis.com/kof-generated: 'true'}}")
	w.settle()
	require.NotContains(t, rules(), "mine.yaml")
	require.NotContains(t, rules(), "__c1__general.rules.yaml")

	w.create(configMaps, `
metadata: {name: kof-alert-rules-cluster-c2, namespace: kof, labels: {k0rdent.mirantis.com/kof-alert-rules-cluster-name: c2}}
data:
  general.rules: "- no"`)
	w.settle()
	require.Len(t, w.warnings(), 1)
}

// Scenario 40: promxy knows a region as long as it is there.
func TestRegionsComeAndGo(t *testing.T) {
	w := newWorld(t)
	w.deploy(twoRegions)
	require.Equal(t, []string{"r1", "r2"}, w.groups())
	before := w.reloads.Load()
	w.deploy("regions: [{name: r3}]")
	require.Equal(t, []string{"r1", "r2", "r3"}, w.groups())
	require.Greater(t, w.reloads.Load(), before)

	before = w.reloads.Load()
	w.remove(clusterDeployments, sys, "r3")
	w.settle()
	require.Equal(t, []string{"r1", "r2"}, w.groups())
	require.Greater(t, w.reloads.Load(), before)
	require.Nil(t, w.get(clusterDeployments, sys, "r3"))
	require.Nil(t, w.get(sveltosClusters, sys, "r3"))
	require.Nil(t, w.get(configMaps, sys, RegionConfigMap("r3")))
	require.Nil(t, w.get(secrets, sys, CredentialsSecret(AdminUser("r3", sys))))
	require.Nil(t, w.get(promxyServerGroups, sys, serverGroupName("r3", sys)))
	require.Nil(t, w.get(vmStorageConnections, sys, connectionName("logs", "r3", sys)))
	require.NotContains(t, w.list(clusterSummaries, sys), summaryName("kof-regional-cluster", "r3"))
}

// Scenario 41: storage that KOF did not make is read, and not touched.
func TestUsersOwnRegion(t *testing.T) {
	w := newWorld(t)
	w.create(secrets, "metadata: {name: store-login, namespace: kcm-system}\ndata: {user: YQ==, pass: Yg==}")
	w.create(configMaps, `
metadata: {name: kof-store, namespace: kcm-system, labels: {k0rdent.mirantis.com/kof-cluster-role: regional}}
data:
  regional_cluster_name: store
  read_metrics_endpoint: https://prometheus.example.com/base
  write_metrics_endpoint: https://prometheus.example.com/base/api/v1/write
  kof_http_config: '{"basic_auth":{"credentials_secret_name":"store-login","username_key":"user","password_key":"pass"}}'`)
	w.settle()
	require.Empty(t, w.warnings())
	require.Equal(t, []string{"store"}, w.groups())
	config := string(secretData(w.get(secrets, kofNamespace, promxySecret))[promxyFile])
	require.Contains(t, config, "prometheus.example.com:443")
	require.Contains(t, config, "username: a\n")
	require.Nil(t, w.get(secrets, sys, CredentialsSecret(AdminUser("store", sys))))

	w.patch(configMaps, sys, "kof-store", "data: {read_metrics_endpoint: nowhere}")
	w.settle()
	require.Contains(t, w.warnings()[0], `"nowhere" is no http or https URL`)
	w.remove(configMaps, sys, "kof-store")
	w.settle()
	require.Empty(t, w.groups())
}

// Scenario 48: clusters are upgraded one by one, by their label.
func TestUpgradeByLabel(t *testing.T) {
	w := newWorld(t)
	w.deploy("regions: [{name: r1}]\nchildren: [{name: c1}, {name: c2}]")
	// What an upgrade of kof-child does: other values, for clusters of another version.
	u := w.get(multiClusterServices, "", "kof-child-cluster")
	services := list(u.Object, "spec", "serviceSpec", "services")
	services[1].(map[string]any)["values"] = "opentelemetry-operator: {replicaCount: 2}"
	patch, err := yaml.Marshal(map[string]any{"spec": map[string]any{
		"clusterSelector": map[string]any{"matchLabels": map[string]any{LabelVersion: "0.4.0"}},
		"serviceSpec":     map[string]any{"services": services},
	}})
	require.NoError(t, err)
	w.patch(multiClusterServices, "", "kof-child-cluster", string(patch))
	w.settle()
	require.Equal(t, "cert-manager:1 kof-collectors:1 kof-operators:1", w.cluster(sys, "c1").releases())
	require.Equal(t, "True 0/0", w.servicesOf("c1"))

	w.patch(clusterDeployments, sys, "c1", `metadata: {labels: {k0rdent.mirantis.com/kof-version: "0.4.0"}}`)
	w.settle()
	require.Equal(t, "cert-manager:1 kof-collectors:1 kof-operators:2", w.cluster(sys, "c1").releases())
	require.Equal(t, "cert-manager:1 kof-collectors:1 kof-operators:1", w.cluster(sys, "c2").releases())
	require.Equal(t, "True 3/3", w.servicesOf("c1"))
}

// Scenario 53: all at once, and in the end nothing of KOF is left but KOF.
func TestEverythingGoes(t *testing.T) {
	w := newWorld(t)
	w.deploy(`
regions: [{name: r1}, {name: r2, cloud: adopted}]
children: [{name: c1}, {name: c2, cloud: adopted, region: r2}]`)
	for _, name := range []string{"r1", "r2", "c1", "c2"} {
		w.remove(clusterDeployments, sys, name)
	}
	w.settle()
	for _, r := range []resource{clusterDeployments, sveltosClusters, clusterSummaries, promxyServerGroups, vmStorageConnections} {
		require.Empty(t, w.list(r, sys), r.Resource)
	}
	for _, name := range w.list(configMaps, sys) {
		require.NotRegexp(t, "^kof-(r|c|cluster-config|record)", name)
	}
	for _, name := range w.list(secrets, sys) {
		require.NotContains(t, name, "kof-vmuser")
	}
	require.Empty(t, w.groups())
	// Clusters that live on are clean; the others go with what they have.
	require.Empty(t, w.cluster(sys, "r2").releases())
	require.Empty(t, w.cluster(sys, "c2").releases())
	require.NotEmpty(t, w.cluster(sys, "c1").releases())
}

// Scenario 10: a new password is known to all who need it, and collectors roll.
func TestRotation(t *testing.T) {
	w := newWorld(t)
	w.deploy("regions: [{name: r1}]\nchildren: [{name: c1}]")
	user := ChildUser("c1", sys)
	w.patch(secrets, sys, CredentialsSecret(user), "data: {password: bmV3}")
	w.patch(secrets, sys, CredentialsSecret(AdminUser("r1", sys)), "data: {password: bmV3ZXI=}")
	w.settle()
	require.Equal(t, "new", string(secretData(w.cluster(sys, "c1").get(secrets, "kof", childSecret))["password"]))
	require.Equal(t, "new", string(secretData(w.cluster(sys, "r1").get(secrets, "kof", CredentialsSecret(user)))["password"]))
	require.Equal(t, "cert-manager:1 kof-collectors:2 kof-operators:1", w.cluster(sys, "c1").releases())
	require.Contains(t, string(secretData(w.get(secrets, kofNamespace, promxySecret))[promxyFile]), "password: newer\n")

	// Deleted, it is made anew: with a password seed it is the old one again.
	w.remove(secrets, sys, CredentialsSecret(user))
	w.settle()
	require.Equal(t, "cert-manager:1 kof-collectors:3 kof-operators:1", w.cluster(sys, "c1").releases())
}

func TestDriftIsCorrected(t *testing.T) {
	w := newWorld(t)
	w.deploy("regions: [{name: r1}]\nchildren: [{name: c1}]")
	c1 := w.cluster(sys, "c1")
	deployed := c1.list(deployments, "kof")
	c1.remove(deployments, "kof", "kof-collectors-kube-state-metrics")
	w.settle()
	require.NotContains(t, c1.list(deployments, "kof"), "kof-collectors-kube-state-metrics")
	w.clock.Advance(DefaultRecheck)
	require.Eventually(t, func() bool {
		w.settle()
		return len(c1.list(deployments, "kof")) == len(deployed)
	}, waitFor, tick)

	c1.remove(secrets, "kof", childSecret)
	w.auto.Resync()
	w.settle()
	require.NotNil(t, c1.get(secrets, "kof", childSecret))
	require.Equal(t, "cert-manager:1 kof-collectors:1 kof-operators:1", c1.releases())
}

func TestClusterThatDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	w.deploy("regions: [{name: r1}]")
	id := types.NamespacedName{Namespace: sys, Name: "c1"}
	w.mu.Lock()
	w.down[id] = true
	w.mu.Unlock()
	w.deploy("regions: [{name: r1}]\nchildren: [{name: c1}]")
	require.Equal(t, "False cluster does not answer: dial kcm-system/c1: connection refused", w.condition(clusterDeployments, sys, "c1", ConditionReady))
	require.Equal(t, []string{"Warning Unreachable SveltosCluster kcm-system/c1: dial kcm-system/c1: connection refused"}, w.warnings())
	w.mu.Lock()
	w.down[id] = false
	w.mu.Unlock()
	w.clock.Advance(slowRetry)
	require.Eventually(t, func() bool {
		w.settle()
		return w.servicesOf("c1") == "True 3/3"
	}, waitFor, tick)
}

func TestBadInput(t *testing.T) {
	w := newWorld(t)
	w.deploy("regions: [{name: r1}]")
	w.create(clusterDeployments, `
metadata: {name: a, namespace: kcm-system, labels: {k0rdent.mirantis.com/kof-cluster-role: child}}
spec: {template: nosuch-1, credential: docker-credential}`)
	w.create(clusterDeployments, `
metadata: {name: b, namespace: kcm-system, labels: {k0rdent.mirantis.com/kof-cluster-role: regional, k0rdent.mirantis.com/kof-version: "0.3.0"}}
spec: {template: docker-hosted-cp-1-0-0, credential: docker-credential, config: {}}`)
	w.create(clusterDeployments, `
metadata: {name: c, namespace: kcm-system, labels: {k0rdent.mirantis.com/kof-cluster-role: child, k0rdent.mirantis.com/kof-version: "0.3.0"}}
spec: {template: docker-hosted-cp-1-0-0, credential: docker-credential, config: {clusterAnnotations: {k0rdent.mirantis.com/kof-collectors-values: "a: [b"}}}`)
	w.create(clusterDeployments, `
metadata: {name: d, namespace: kcm-system, labels: {k0rdent.mirantis.com/kof-cluster-role: child, k0rdent.mirantis.com/kof-version: "0.3.0"}}
spec: {template: docker-hosted-cp-1-0-0, credential: docker-credential, config: {clusterAnnotations: {k0rdent.mirantis.com/kof-collectors-values: "collectors: 1"}}}`)
	w.create(multiClusterServices, `
metadata: {name: broken}
spec: {clusterSelector: {matchLabels: {a: b}}, serviceSpec: {services: [{name: x, namespace: ns, template: nosuch, dependsOn: [{name: other}]}]}}`)
	w.provide(sys, "c")
	w.provide(sys, "d")
	w.settle()
	require.Contains(t, w.condition(clusterDeployments, sys, "a", ConditionReady), `False ClusterTemplate "nosuch-1" does not exist in namespace kcm-system: there are adopted-cluster-1-0-0`)
	require.Contains(t, w.condition(clusterDeployments, sys, "b", ConditionConfig), "a region needs "+AnnotationDomain)
	require.Equal(t, "False 2/3", w.servicesOf("c"), "charts that the bad value does not concern are installed")
	require.Equal(t, "False 2/3", w.servicesOf("d"))
	require.Contains(t, w.condition(multiClusterServices, "", "broken", conditionReferences), `False service x (spec.serviceSpec.services[0]): ServiceTemplate "nosuch" does not exist`)
	failures := ""
	for _, name := range []string{"c", "d"} {
		failures += toYAML(t, w.get(clusterSummaries, sys, summaryName("kof-child-cluster", name)).Object["status"])
	}
	require.Contains(t, failures, "values of release kof-collectors, line")
	require.Contains(t, failures, "collectors")
	w.patch(clusterDeployments, sys, "d", `spec: {config: {clusterAnnotations: {k0rdent.mirantis.com/kof-collectors-values: ""}}}`)
	w.settle()
	require.Equal(t, "True 3/3", w.servicesOf("d"))
}

func TestServicesOfOneCluster(t *testing.T) {
	w := newWorld(t)
	w.deploy("regions: [{name: r1}]\nchildren: [{name: c1}]")
	w.patch(clusterDeployments, sys, "c1", `
spec:
  serviceSpec:
    services: [{name: web, namespace: web, template: ingress-nginx-4-12-1}]`)
	w.settle()
	require.Equal(t, "True 4/4", w.servicesOf("c1"))
	require.Contains(t, w.cluster(sys, "c1").releases(), "web:1")
	w.patch(clusterDeployments, sys, "c1", "spec: {serviceSpec: null}")
	w.settle()
	require.Equal(t, "True 3/3", w.servicesOf("c1"))
	require.NotContains(t, w.cluster(sys, "c1").releases(), "web")
}

func TestManagementStoresItsOwn(t *testing.T) {
	for _, data := range []topology.ManagementData{topology.ManagementDataRegionless, topology.ManagementDataM2M, topology.ManagementDataM2R} {
		t.Run(string(data), func(t *testing.T) {
			w := newWorld(t, func(o *Options) {
				o.ManagementData = data
				o.Management = topology.Management{Name: "mothership", Namespace: sys, Region: "r1"}
				if data.Stores() {
					o.Management.Domain = "mothership.example.com"
				}
			})
			children, groups := "children: [{name: c1}]", []string{"mothership"}
			if data != topology.ManagementDataRegionless {
				children = "regions: [{name: r1}]\n" + children
				groups = append(groups, "r1")
			}
			if !data.Stores() {
				groups = []string{"r1"}
			}
			w.deploy("managementData: " + string(data) + "\n" + children)
			require.Empty(t, w.warnings())
			require.Equal(t, groups, w.groups())
			require.Contains(t, w.releases(), "kof-collectors:1")
			require.Equal(t, "True 3/3", w.servicesOf("c1"))
			if !data.Stores() {
				user := ChildUser("mothership", sys)
				require.Contains(t, w.cluster(sys, "r1").list(vmUsers, "kof"), vmUserName(user))
				require.NotContains(t, toYAML(t, w.cluster(sys, "r1").get(vmUsers, "kof", vmUserName(user)).Object), "query_args")
				require.NotNil(t, w.get(secrets, "kof", childSecret))
				return
			}
			require.Contains(t, w.releases(), "kof-storage:1")
			require.Contains(t, w.list(vmUsers, "kof"), vmUserName(AdminUser("mothership", sys)))
			if data == topology.ManagementDataRegionless {
				require.Equal(t, "mothership", w.regionOf(sys, "c1"))
				require.Contains(t, w.list(vmUsers, "kof"), vmUserName(ChildUser("c1", sys)))
			}
			require.NotNil(t, w.get(secrets, "kof", promxySecret))
		})
	}
}

func TestMesh(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Network = topology.NetworkIstio })
	w.deploy("network: istio\nregions: [{name: r1}]\nchildren: [{name: c1, tenant: team-a}]")
	require.Empty(t, w.warnings())
	require.Equal(t, []string{"r1"}, w.groups())
	config := string(secretData(w.get(secrets, kofNamespace, promxySecret))[promxyFile])
	require.Contains(t, config, "r1-vmauth:8427")
	require.NotContains(t, config, "basic_auth")
	require.Equal(t, "http://r1-vmauth:8427/vli/insert/opentelemetry/v1/logs", textData(w.get(configMaps, sys, ChildConfigMap("c1")))["write_logs_endpoint"])
	require.Equal(t, "cert-manager:1 kof-istio:1 kof-collectors:1 kof-operators:1", w.cluster(sys, "c1").releases())
	require.Equal(t, "cert-manager:1 kof-istio:1 kof-collectors:1 kof-operators:1 kof-storage:1", w.cluster(sys, "r1").releases())
	require.NotNil(t, w.get(certificates, "istio-system", "kof-istio-c1-ca"))
	require.Equal(t, secretData(w.get(secrets, "istio-system", "kof-istio-c1-ca"))["tls.crt"], secretData(w.cluster(sys, "c1").get(secrets, "istio-system", "istio-ca"))["tls.crt"])
	require.Nil(t, w.cluster(sys, "c1").get(secrets, "kof", childSecret))
	require.Empty(t, w.cluster(sys, "r1").list(vmUsers, "kof"))

	w.remove(clusterDeployments, sys, "c1")
	w.settle()
	require.Nil(t, w.get(certificates, "istio-system", "kof-istio-c1-ca"))
	require.NotEmpty(t, w.server.List(schema.GroupResource{Group: "cert-manager.io", Resource: "certificates"}, "istio-system", nil))
}
