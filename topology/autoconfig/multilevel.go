package autoconfig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// multilevel are the selects on management that read all regions, by the kind of
// VMStorageConnection they follow.
var multilevel = []struct{ kind, deployment string }{
	{"logs", "vlselect-kof-mothership-logs-multilevel-select"},
	{"traces", "vtselect-kof-mothership-multilevel-select"},
}

const (
	selectSecret = "kof-multilevel-select-credentials"
	selectMount  = "/etc/vm/secrets"
	selectVolume = "storage-credentials"
	selectFlag   = "-storageNode"
)

// lookSelects makes the multi-level selects read the stores that connections
// name.
func (c *Controllers) lookSelects(ctx context.Context, _ types.NamespacedName) error {
	if c.cache.get(namespaces, "", kofNamespace) == nil {
		return nil
	}
	passwords := map[string][]byte{}
	args := map[string][]string{}
	for _, u := range c.cache.list(vmStorageConnections, nil) {
		if u.GetDeletionTimestamp() != nil {
			continue
		}
		node, err := readConnection(u, c.secretFinder(ctx))
		if err != nil {
			c.warn(ctx, vmStorageConnections, u, "InvalidConnection", err.Error())
			continue
		}
		c.untell("InvalidConnection", vmStorageConnections.name(u.GetNamespace(), u.GetName()))
		args[node.kind] = append(args[node.kind], node.args()...)
		if node.username != "" {
			passwords[node.file] = node.password
		}
	}
	if _, err := c.api.ensure(ctx, secrets, credentialsSecret(kofNamespace, selectSecret, passwords)); err != nil {
		return err
	}
	var errs []error
	for _, s := range multilevel {
		errs = append(errs, c.setStorageNodes(ctx, s.deployment, args[s.kind]))
	}
	return errors.Join(errs...)
}

// storageNode is a store that a select reads.
type storageNode struct {
	kind, address  string
	tls, insecure  bool
	username, file string
	password       []byte
}

func readConnection(u *unstructured.Unstructured, find func(namespace, name string) (map[string][]byte, bool)) (storageNode, error) {
	spec := dictionary(u.Object, "spec")
	n := storageNode{kind: str(spec, "type")}
	scheme, address, ok := strings.Cut(str(spec, "url"), "://")
	if !ok || address == "" || scheme != "http" && scheme != "https" {
		return n, fmt.Errorf("spec.url: %q is no http or https URL", str(spec, "url"))
	}
	n.address, n.tls = strings.TrimSuffix(address, "/"), scheme == "https"
	n.insecure, _, _ = unstructured.NestedBool(spec, "tls_config", "insecure_skip_verify")
	secret := str(spec, "basic_auth", "credentials_secret_name")
	if secret == "" {
		return n, nil
	}
	data, ok := find(u.GetNamespace(), secret)
	if !ok {
		return n, fmt.Errorf("Secret %s/%s, which has its credentials, does not exist", u.GetNamespace(), secret)
	}
	n.username = string(data[or(str(spec, "basic_auth", "username_key"), "username")])
	n.password = data[or(str(spec, "basic_auth", "password_key"), "password")]
	n.file = u.GetNamespace() + "." + u.GetName() + ".password"
	return n, nil
}

// args of one node. Flags of all nodes are matched by their order, so each node
// has all of them.
func (n storageNode) args() []string {
	file := ""
	if n.file != "" {
		file = selectMount + "/" + n.file
	}
	return []string{
		selectFlag + "=" + n.address,
		fmt.Sprintf("%s.tls=%t", selectFlag, n.tls),
		fmt.Sprintf("%s.tlsInsecureSkipVerify=%t", selectFlag, n.insecure),
		selectFlag + ".username=" + n.username,
		selectFlag + ".passwordFile=" + file,
	}
}

// setStorageNodes replaces the nodes among a Deployment's arguments. A select
// that is not installed needs none.
func (c *Controllers) setStorageNodes(ctx context.Context, name string, nodes []string) error {
	api := c.api.client.Resource(deployments.GroupVersionResource).Namespace(kofNamespace)
	u, err := api.Get(ctx, name, metav1.GetOptions{})
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", deployments.name(kofNamespace, name), err)
	}
	containers := list(u.Object, "spec", "template", "spec", "containers")
	if len(containers) == 0 {
		return nil
	}
	first, _ := containers[0].(map[string]any)
	var old, next []string
	for _, a := range list(first, "args") {
		old = append(old, text(a))
		if !strings.HasPrefix(text(a), selectFlag) {
			next = append(next, text(a))
		}
	}
	next = append(next, nodes...)
	if slices.Equal(old, next) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
		"containers": []any{map[string]any{
			"name": str(first, "name"), "args": next,
			"volumeMounts": []any{map[string]any{"name": selectVolume, "mountPath": selectMount, "readOnly": true}},
		}},
		"volumes": []any{map[string]any{"name": selectVolume, "secret": map[string]any{"secretName": selectSecret}}},
	}}}})
	if err != nil {
		return err
	}
	if _, err := api.Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("patching %s: %w", deployments.name(kofNamespace, name), err)
	}
	return nil
}
