package autoconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/adler32"
	"hash/fnv"
	"sort"
)

// Prefix is that of k0rdent's labels and annotations.
const Prefix = "k0rdent.mirantis.com/"

// Labels of ClusterDeployments, and of the objects made from them.
const (
	LabelRole        = Prefix + "kof-cluster-role"
	LabelClusterName = Prefix + "kof-cluster-name"
	LabelTenant      = Prefix + "kof-tenant-id"
	LabelVersion     = Prefix + "kof-version"
	LabelIstioRole   = Prefix + "istio-role"
	// LabelGenerated marks what is made here; "false" keeps it from being changed.
	LabelGenerated = Prefix + "kof-generated"

	labelPromxySecret = Prefix + "promxy-secret-name"
	labelAlertRules   = Prefix + "kof-alert-rules-cluster-name"
	labelRecordRules  = Prefix + "kof-record-rules-cluster-name"
	labelRules        = Prefix + "kof-rules"
	labelManagement   = Prefix + "management-cluster"
	labelUser         = Prefix + "kof-vmuser"

	labelProfile     = "projectsveltos.io/cluster-profile-name"
	labelSummaryOf   = "projectsveltos.io/cluster-name"
	labelSummaryType = "projectsveltos.io/cluster-type"

	labelManagedBy = "app.kubernetes.io/managed-by"
	managedBy      = "kof-operator"
)

// Values of LabelRole.
const (
	RoleRegional = "regional"
	RoleChild    = "child"
)

// Annotations that spec.config.clusterAnnotations of a ClusterDeployment carries.
const (
	AnnotationDomain           = Prefix + "kof-regional-domain"
	AnnotationCertEmail        = Prefix + "kof-cert-email"
	AnnotationStorageValues    = Prefix + "kof-storage-values"
	AnnotationCollectorsValues = Prefix + "kof-collectors-values"
	// AnnotationHTTP is read from the ClusterDeployment itself too.
	AnnotationHTTP = Prefix + "kof-http-config"
	// AnnotationWorkload holds a topology.Workload as JSON: what koflab simulates
	// on the cluster. No part of KOF reads it.
	AnnotationWorkload = "koflab.dev/workload"
)

// Names and places of KOF's objects.
const (
	SystemNamespace = "kcm-system"
	kofNamespace    = "kof"

	promxySecret   = "kof-mothership-promxy-config"
	promxyRules    = "kof-mothership-promxy-rules"
	promxyPort     = "8082"
	childSecret    = "storage-vmuser-credentials"
	promxyFile     = "config.yaml"
	kubeconfigKey  = "value"
	kubeconfigTail = "-kubeconfig"

	managementCluster = "mgmt" // the name and namespace Sveltos gives the cluster it runs on
)

// Finalizers.
const (
	finalizerDeployment = Prefix + "cluster-deployment"
	finalizerSummary    = "clustersummary.projectsveltos.io/finalizer"
)

// RegionConfigMap is the name of the ConfigMap that describes a region.
func RegionConfigMap(region string) string { return "kof-" + region }

// ChildConfigMap is the name of the ConfigMap that tells a child its region.
func ChildConfigMap(child string) string { return "kof-cluster-config-" + child }

// AdminUser is the name of the unrestricted user of a region's gateway.
func AdminUser(region, namespace string) string {
	return "admin-" + adler(RegionConfigMap(region), namespace)
}

// ChildUser is the name of a child's user at its region's gateway.
func ChildUser(child, namespace string) string { return adler(ChildConfigMap(child), namespace) }

// CredentialsSecret is the name of the Secret with a user's name and password.
func CredentialsSecret(user string) string { return "kof-vmuser-creds-" + user }

func vmUserName(user string) string { return "kof-vmuser-" + user }

// adler is kof-operator's hash for names of users, in decimal.
func adler(configMap, namespace string) string {
	return fmt.Sprint(adler32.Checksum([]byte(configMap + "/" + namespace)))
}

// fnvHash is kof-operator's hash for names of what belongs to a region.
func fnvHash(region, namespace string) string {
	h := fnv.New32a()
	h.Write([]byte(region + "/" + namespace))
	return fmt.Sprintf("%08x", h.Sum32())
}

func serverGroupName(region, namespace string) string {
	return "promxy-server-group-" + fnvHash(region, namespace)
}

func connectionName(kind, region, namespace string) string {
	return "kof-" + kind + "-storage-connection-" + fnvHash(region, namespace)
}

// checksum tells contents apart; the order of keys does not matter.
func checksum(data map[string][]byte) string {
	keys := make([]string, 0, len(data))
	for k := range data {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	h := sha256.New()
	for _, k := range keys {
		fmt.Fprintf(h, "%d:%s=%d:", len(k), k, len(data[k]))
		h.Write(data[k])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
