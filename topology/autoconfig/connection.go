package autoconfig

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"koflab/topology"
)

// auth is the Secret by which management reads a region; nil for none.
func (r *region) auth(h httpConfig) *basicAuth {
	switch {
	case h.BasicAuth != nil:
		return h.BasicAuth
	case r.Foreign || r.istio():
		// Nobody made a user there, or the mesh knows who is asking.
		return nil
	}
	return &basicAuth{CredentialsSecret(AdminUser(r.Name, r.Namespace)), "username", "password"}
}

// serverGroup is the region as promxy is to know it.
func (r *region) serverGroup() (*unstructured.Unstructured, error) {
	h, err := readHTTP(r.Data[keyHTTP])
	if err != nil {
		return nil, err
	}
	hostPort, prefix, scheme, err := splitURL(r.Data[keyReadMetrics])
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", keyReadMetrics, err)
	}
	client := map[string]any{"dial_timeout": or(h.DialTimeout, "5s")}
	if scheme == "https" {
		client["tls_config"] = map[string]any{"insecure_skip_verify": h.insecure()}
	}
	if a := r.auth(h); a != nil {
		client["basic_auth"] = a.object()
	}
	g := object(promxyServerGroups, r.ConfigMap.Namespace, serverGroupName(r.Name, r.Namespace), map[string]any{
		"spec": map[string]any{
			"cluster_name": r.Name, "cluster_namespace": r.Namespace,
			"targets": []any{hostPort}, "path_prefix": prefix, "scheme": scheme, "http_client": client,
		},
	})
	return label(g, labelPromxySecret, promxySecret), nil
}

// connections are where the region's logs and traces are read. A region that
// does not say where it has a kind of them has none.
func (r *region) connections() ([]*unstructured.Unstructured, error) {
	h, err := readHTTP(r.Data[keyHTTP])
	if err != nil {
		return nil, err
	}
	var out []*unstructured.Unstructured
	for _, k := range []struct{ kind, key string }{
		{"logs", keyReadLogs}, {"traces", keyReadTraces}, {"audit-logs", keyReadAudit},
	} {
		address := r.Data[k.key]
		if address == "" {
			continue
		}
		_, _, scheme, err := splitURL(address)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", k.key, err)
		}
		spec := map[string]any{"type": k.kind, "cluster_name": r.Name, "cluster_namespace": r.Namespace, "url": address}
		if a := r.auth(h); a != nil {
			spec["basic_auth"] = a.object()
		}
		if scheme == "https" {
			spec["tls_config"] = map[string]any{"insecure_skip_verify": h.insecure()}
		}
		out = append(out, object(vmStorageConnections, r.ConfigMap.Namespace, connectionName(k.kind, r.Name, r.Namespace), map[string]any{"spec": spec}))
	}
	return out, nil
}

// datasources show the region's logs and traces in Grafana, past the
// multi-level selects.
func (r *region) datasources() ([]*unstructured.Unstructured, error) {
	h, err := readHTTP(r.Data[keyHTTP])
	if err != nil {
		return nil, err
	}
	var out []*unstructured.Unstructured
	for _, k := range []struct{ kind, key, plugin, path string }{
		{"logs", keyReadLogs, "victoriametrics-logs-datasource", ""},
		{"traces", keyReadTraces, "jaeger", "/select/jaeger"},
	} {
		if r.Data[k.key] == "" {
			continue
		}
		name := r.Name + "-" + k.kind
		source := map[string]any{
			"name": name, "type": k.plugin, "access": "proxy", "url": r.Data[k.key] + k.path, "isDefault": false,
			"jsonData": map[string]any{"tlsSkipVerify": h.insecure()},
		}
		spec := map[string]any{
			"instanceSelector": map[string]any{"matchLabels": map[string]any{"dashboards": "grafana"}},
			"datasource":       source,
		}
		if a := r.auth(h); a != nil {
			// The operator puts what stands in the Secret where ${key} stands here.
			source["basicAuth"] = true
			source["basicAuthUser"] = "${" + a.UsernameKey + "}"
			source["secureJsonData"] = map[string]any{"basicAuthPassword": "${" + a.PasswordKey + "}"}
			spec["valuesFrom"] = []any{
				valueFrom("basicAuthUser", a.Secret, a.UsernameKey),
				valueFrom("secureJsonData.basicAuthPassword", a.Secret, a.PasswordKey),
			}
		}
		if r.ConfigMap.Namespace != kofNamespace {
			spec["allowCrossNamespaceImport"] = true
		}
		out = append(out, object(grafanaDatasources, r.ConfigMap.Namespace, "kof-"+name+"-"+fnvHash(r.Name, r.Namespace), map[string]any{"spec": spec}))
	}
	return out, nil
}

func valueFrom(path, secret, key string) map[string]any {
	return map[string]any{"targetPath": path, "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": secret, "key": key}}}
}

// promxyGroup is a server group with its credentials read.
type promxyGroup struct {
	Cluster, Namespace string
	Targets            []string
	PathPrefix, Scheme string
	DialTimeout        string
	TLS, Insecure      bool
	Username, Password string
	BasicAuth          bool
}

// readGroup reads a PromxyServerGroup; find returns a Secret's data.
func readGroup(u *unstructured.Unstructured, find func(namespace, name string) (map[string][]byte, bool)) (promxyGroup, error) {
	spec := dictionary(u.Object, "spec")
	g := promxyGroup{
		Cluster: str(spec, "cluster_name"), Namespace: str(spec, "cluster_namespace"),
		PathPrefix: str(spec, "path_prefix"), Scheme: or(str(spec, "scheme"), "http"),
		DialTimeout: or(str(spec, "http_client", "dial_timeout"), "5s"),
	}
	for _, t := range list(spec, "targets") {
		if s, ok := t.(string); ok && s != "" {
			g.Targets = append(g.Targets, s)
		}
	}
	if len(g.Targets) == 0 {
		return g, fmt.Errorf("spec.targets is empty")
	}
	if tls := dictionary(spec, "http_client", "tls_config"); tls != nil {
		g.TLS = true
		g.Insecure, _ = tls["insecure_skip_verify"].(bool)
	}
	secret := str(spec, "http_client", "basic_auth", "credentials_secret_name")
	if secret == "" {
		return g, nil
	}
	data, ok := find(u.GetNamespace(), secret)
	if !ok {
		return g, fmt.Errorf("Secret %s/%s, which has its credentials, does not exist", u.GetNamespace(), secret)
	}
	g.BasicAuth = true
	g.Username = string(data[or(str(spec, "http_client", "basic_auth", "username_key"), "username")])
	g.Password = string(data[or(str(spec, "http_client", "basic_auth", "password_key"), "password")])
	return g, nil
}

// promxyConfig writes promxy's configuration. Groups stand in the order given.
func promxyConfig(groups []promxyGroup, labels topology.StackLabels, evaluateRules bool) (string, error) {
	serverGroups := []any{}
	for _, g := range groups {
		client := map[string]any{"dial_timeout": g.DialTimeout}
		if g.TLS {
			client["tls_config"] = map[string]any{"insecure_skip_verify": g.Insecure}
		}
		if g.BasicAuth {
			client["basic_auth"] = map[string]any{"username": g.Username, "password": g.Password}
		}
		set := map[string]any{}
		for name, value := range map[string]string{labels.Group: g.Cluster, labels.GroupNamespace: g.Namespace} {
			if name != "" {
				set[name] = value
			}
		}
		serverGroups = append(serverGroups, map[string]any{
			"static_configs": []any{map[string]any{"targets": g.Targets}},
			"path_prefix":    g.PathPrefix, "scheme": g.Scheme, "http_client": client,
			"labels": set, "ignore_error": true,
		})
	}
	config := map[string]any{
		"global": map[string]any{"evaluation_interval": "5s", "external_labels": map[string]any{"source": "promxy"}},
		"promxy": map[string]any{"server_groups": serverGroups},
	}
	if evaluateRules {
		config["rule_files"] = []any{"/etc/promxy/rules/*.yaml"}
		config["alerting"] = map[string]any{"alertmanagers": []any{map[string]any{
			"scheme": "http", "static_configs": []any{map[string]any{"targets": []any{"vmalertmanager-cluster:9093"}}},
		}}}
		config["remote_write"] = []any{map[string]any{"url": "http://vminsert-cluster:8480/insert/0/prometheus/api/v1/write"}}
	}
	out, err := yaml.Marshal(config)
	return string(out), err
}
