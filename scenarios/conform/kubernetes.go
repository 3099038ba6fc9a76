package conform

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// maxObjects bounds a list: an installation has hundreds of clusters, not more.
const maxObjects = 20_000

// kube reads a Kubernetes API.
type kube struct {
	*client
	groups map[string]string // group -> preferred version
}

func newKube(config *rest.Config, timeout time.Duration) (*kube, error) {
	t, err := rest.TransportFor(config)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	host := config.Host
	if !strings.Contains(host, "://") {
		host = "https://" + host
	}
	c, err := newClient(t, host, Auth{}, timeout)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: server %w", err)
	}
	return &kube{client: c}, nil
}

// object is a Kubernetes object as JSON has it.
type object map[string]any

// at is the value under a path, nil when it is not there.
func (o object) at(path ...string) any {
	var v any = map[string]any(o)
	for _, k := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

func (o object) text(path ...string) string {
	s, _ := o.at(path...).(string)
	return s
}

func (o object) list(path ...string) []any {
	l, _ := o.at(path...).([]any)
	return l
}

func (o object) name() string      { return o.text("metadata", "name") }
func (o object) namespace() string { return o.text("metadata", "namespace") }

// id is NAMESPACE/NAME.
func (o object) id() string {
	if ns := o.namespace(); ns != "" {
		return ns + "/" + o.name()
	}
	return o.name()
}

func (o object) label(name string) string { return o.text("metadata", "labels", name) }

// condition is the status and message of one of status.conditions.
func (o object) condition(kind string) (status, message string) {
	for _, item := range o.list("status", "conditions") {
		if m, ok := item.(map[string]any); ok && object(m).text("type") == kind {
			return object(m).text("status"), object(m).text("message")
		}
	}
	return "", ""
}

// data is a key of a Secret.
func (o object) data(key string) string {
	b, err := base64.StdEncoding.DecodeString(o.text("data", key))
	if err != nil {
		return ""
	}
	return string(b)
}

// kind of objects that are looked at.
type kind struct{ group, resource, name string }

var (
	clusterDeployments   = kind{"k0rdent.mirantis.com", "clusterdeployments", "ClusterDeployment"}
	multiClusterServices = kind{"k0rdent.mirantis.com", "multiclusterservices", "MultiClusterService"}
	serviceTemplates     = kind{"k0rdent.mirantis.com", "servicetemplates", "ServiceTemplate"}
	clusterProfiles      = kind{"config.projectsveltos.io", "clusterprofiles", "ClusterProfile"}
	clusterSummaries     = kind{"config.projectsveltos.io", "clustersummaries", "ClusterSummary"}
	promxyServerGroups   = kind{"kof.k0rdent.mirantis.com", "promxyservergroups", "PromxyServerGroup"}
	helmReleases         = kind{"helm.toolkit.fluxcd.io", "helmreleases", "HelmRelease"}
	certificates         = kind{"cert-manager.io", "certificates", "Certificate"}
	configMaps           = kind{"", "configmaps", "ConfigMap"}
	secrets              = kind{"", "secrets", "Secret"}
)

// discover reads which API groups there are.
func (k *kube) discover(ctx context.Context) error {
	body, err := k.get(ctx, "/apis", nil)
	if err != nil {
		return err
	}
	var list struct {
		Groups []struct {
			Name             string `json:"name"`
			PreferredVersion struct {
				Version string `json:"version"`
			} `json:"preferredVersion"`
		} `json:"groups"`
	}
	if err := decode(body, &list); err != nil {
		return err
	}
	k.groups = map[string]string{}
	for _, g := range list.Groups {
		k.groups[g.Name] = g.PreferredVersion.Version
	}
	return nil
}

// path is where the objects of a kind are, "" when the API has no such group.
func (k *kube) path(of kind, namespace string) string {
	p := "/api/v1"
	if of.group != "" {
		v := k.groups[of.group]
		if v == "" {
			return ""
		}
		p = "/apis/" + of.group + "/" + url.PathEscape(v)
	}
	if namespace != "" {
		p += "/namespaces/" + url.PathEscape(namespace)
	}
	return p + "/" + of.resource
}

// list returns all objects of a kind, sorted by ID; none when the API does not know
// the kind. A page at a time, so that no answer is large.
func (k *kube) list(ctx context.Context, of kind, selector string) ([]object, error) {
	p := k.path(of, "")
	if p == "" {
		return nil, nil
	}
	var out []object
	args := url.Values{"limit": {"500"}}
	if selector != "" {
		args.Set("labelSelector", selector)
	}
	for {
		body, err := k.get(ctx, p, args)
		if statusOf(err) == 404 {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%ss: %w", of.name, err)
		}
		var page struct {
			Metadata struct {
				Continue string `json:"continue"`
			} `json:"metadata"`
			Items []object `json:"items"`
		}
		if err := decode(body, &page); err != nil {
			return nil, fmt.Errorf("%ss: %w", of.name, err)
		}
		out = append(out, page.Items...)
		if page.Metadata.Continue == "" || len(page.Items) == 0 || len(out) > maxObjects {
			break
		}
		args.Set("continue", page.Metadata.Continue)
	}
	slices.SortFunc(out, func(a, b object) int { return strings.Compare(a.id(), b.id()) })
	return out, nil
}

// one returns an object; nil when it is not there.
func (k *kube) one(ctx context.Context, of kind, namespace, name string) (object, error) {
	p := k.path(of, namespace)
	if p == "" {
		return nil, nil
	}
	body, err := k.get(ctx, p+"/"+url.PathEscape(name), nil)
	if statusOf(err) == 404 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s/%s: %w", of.name, namespace, name, err)
	}
	var o object
	if err := json.Unmarshal(body, &o); err != nil {
		return nil, fmt.Errorf("%s %s/%s: %w", of.name, namespace, name, err)
	}
	return o, nil
}

// cluster reads a managed cluster, by the kubeconfig that KCM keeps for it.
func (k *kube) cluster(ctx context.Context, namespace, name string) (*kube, error) {
	s, err := k.one(ctx, secrets, namespace, name+"-kubeconfig")
	if err != nil || s == nil {
		return nil, err
	}
	config, err := clientcmd.RESTConfigFromKubeConfig([]byte(s.data("value")))
	if err != nil {
		return nil, fmt.Errorf("Secret %s: %w", s.id(), err)
	}
	// A kubeconfig from elsewhere may not run programs or read files here.
	config.ExecProvider, config.AuthProvider = nil, nil
	config.BearerTokenFile, config.CertFile, config.KeyFile, config.CAFile = "", "", "", ""
	return newKube(config, k.http.Timeout)
}
