package backing

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// StorageConnections are the objects by which kof-operator tells the multi-level
// selects which regions to read.
var StorageConnections = schema.GroupResource{Group: "kof.k0rdent.mirantis.com", Resource: "vmstorageconnections"}

// Connection is one VMStorageConnection: where the logs or traces of a cluster are
// read.
type Connection struct {
	// Type is logs, traces or audit-logs.
	Type                      string
	Cluster, ClusterNamespace string
	URL                       string
	Username, Password        string
}

// ConnectionsOf reads all storage connections, in the order of their names.
func ConnectionsOf(api API) ([]Connection, error) {
	var out []Connection
	for _, o := range api.List(StorageConnections, "", labels.Everything()) {
		u := &unstructured.Unstructured{}
		if err := o.Into(u); err != nil {
			return nil, fmt.Errorf("vmstorageconnection %s/%s: %w", o.Namespace, o.Name, err)
		}
		str := func(path ...string) string {
			s, _, _ := unstructured.NestedString(u.Object, append([]string{"spec"}, path...)...)
			return s
		}
		c := Connection{Type: str("type"), Cluster: str("cluster_name"), ClusterNamespace: str("cluster_namespace"), URL: str("url")}
		if name := str("basic_auth", "credentials_secret_name"); name != "" {
			data, err := secret(api, o.Namespace, name)
			if err != nil {
				return nil, fmt.Errorf("vmstorageconnection %s/%s: %w", o.Namespace, o.Name, err)
			}
			c.Username = string(data[or(str("basic_auth", "username_key"), "username")])
			c.Password = string(data[or(str("basic_auth", "password_key"), "password")])
		}
		out = append(out, c)
	}
	return out, nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
