package autoconfig

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// resource is a kind of object that is watched on management.
type resource struct {
	schema.GroupVersionResource
	Kind string
}

func (r resource) apiVersion() string { return r.GroupVersion().String() }

// kindName is how messages name an object.
func (r resource) name(namespace, name string) string {
	if namespace == "" {
		return r.Kind + " " + name
	}
	return r.Kind + " " + namespace + "/" + name
}

func kcm(plural, kind string) resource { return res("k0rdent.mirantis.com", "v1beta1", plural, kind) }

func res(group, version, plural, kind string) resource {
	return resource{schema.GroupVersionResource{Group: group, Version: version, Resource: plural}, kind}
}

var (
	clusterDeployments   = kcm("clusterdeployments", "ClusterDeployment")
	clusterTemplates     = kcm("clustertemplates", "ClusterTemplate")
	serviceTemplates     = kcm("servicetemplates", "ServiceTemplate")
	credentials          = kcm("credentials", "Credential")
	multiClusterServices = kcm("multiclusterservices", "MultiClusterService")
	managements          = kcm("managements", "Management")

	clusterProfiles  = res("config.projectsveltos.io", "v1beta1", "clusterprofiles", "ClusterProfile")
	clusterSummaries = res("config.projectsveltos.io", "v1beta1", "clustersummaries", "ClusterSummary")
	sveltosClusters  = res("lib.projectsveltos.io", "v1beta1", "sveltosclusters", "SveltosCluster")

	promxyServerGroups   = res("kof.k0rdent.mirantis.com", "v1beta1", "promxyservergroups", "PromxyServerGroup")
	vmStorageConnections = res("kof.k0rdent.mirantis.com", "v1beta1", "vmstorageconnections", "VMStorageConnection")
	grafanaDatasources   = res("grafana.integreatly.org", "v1beta1", "grafanadatasources", "GrafanaDatasource")
	prometheusRules      = res("monitoring.coreos.com", "v1", "prometheusrules", "PrometheusRule")
	certificates         = res("cert-manager.io", "v1", "certificates", "Certificate")

	configMaps  = res("", "v1", "configmaps", "ConfigMap")
	secrets     = res("", "v1", "secrets", "Secret")
	namespaces  = res("", "v1", "namespaces", "Namespace")
	pods        = res("", "v1", "pods", "Pod")
	events      = res("", "v1", "events", "Event")
	deployments = res("apps", "v1", "deployments", "Deployment")

	vmUsers = res("operator.victoriametrics.com", "v1beta1", "vmusers", "VMUser")
)

// watched are the resources that the cache follows.
var watched = []resource{
	clusterDeployments, clusterTemplates, serviceTemplates, credentials, multiClusterServices, managements,
	clusterProfiles, clusterSummaries, sveltosClusters,
	promxyServerGroups, vmStorageConnections, grafanaDatasources, prometheusRules,
	configMaps, secrets, namespaces, deployments,
}

// watchedKind finds a watched resource by API version and kind.
func watchedKind(apiVersion, kind string) (resource, bool) {
	for _, r := range watched {
		if r.Kind == kind && r.apiVersion() == apiVersion {
			return r, true
		}
	}
	return resource{}, false
}

// namespaced reports whether objects of a watched resource stand in namespaces.
func (r resource) namespaced() bool {
	switch r {
	case multiClusterServices, managements, clusterProfiles, namespaces:
		return false
	}
	return true
}

// repositoryOf drops registry, tag and digest of an image.
func repositoryOf(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		image = image[:i]
	}
	return image
}
