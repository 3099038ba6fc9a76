package backing

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/yaml"
)

// Promxy is the configuration of promxy.
type Promxy struct {
	// Running says that a promxy pod is ready to answer.
	Running bool
	Groups  []ServerGroup
}

// ServerGroup is one group of promxy's.
type ServerGroup struct {
	// Target is host:port; the read URL is scheme://target/prefix.
	Scheme, Target, PathPrefix string
	Labels                     map[string]string
	Username, Password         string
	InsecureSkipVerify         bool
	IgnoreError                bool
}

// URL is the base of the group's query API.
func (g ServerGroup) URL() string { return g.Scheme + "://" + g.Target + g.PathPrefix }

const (
	promxyConfig    = "kof-mothership-promxy-config"
	promxyConfigKey = "config.yaml"
	imagePromxy     = "jacksontj/promxy"
)

// PromxyOf reads promxy's configuration. Without a configuration there are no
// groups.
func PromxyOf(api API) (Promxy, error) {
	running, err := runningPods(api, Namespace)
	if err != nil {
		return Promxy{}, err
	}
	out := Promxy{Running: len(running[imagePromxy]) > 0}
	data, err := secret(api, Namespace, promxyConfig)
	if apierrors.IsNotFound(err) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	var config struct {
		Promxy struct {
			ServerGroups []struct {
				StaticConfigs []struct{ Targets []string } `json:"static_configs"`
				Scheme        string                       `json:"scheme"`
				PathPrefix    string                       `json:"path_prefix"`
				Labels        map[string]string            `json:"labels"`
				IgnoreError   bool                         `json:"ignore_error"`
				HTTPClient    struct {
					BasicAuth struct{ Username, Password string } `json:"basic_auth"`
					TLSConfig struct {
						InsecureSkipVerify bool `json:"insecure_skip_verify"`
					} `json:"tls_config"`
				} `json:"http_client"`
			} `json:"server_groups"`
		} `json:"promxy"`
	}
	if err := yaml.Unmarshal(data[promxyConfigKey], &config); err != nil {
		return out, fmt.Errorf("secret %s/%s: %w", Namespace, promxyConfig, err)
	}
	for _, g := range config.Promxy.ServerGroups {
		for _, s := range g.StaticConfigs {
			for _, target := range s.Targets {
				group := ServerGroup{
					Scheme: g.Scheme, Target: target, PathPrefix: g.PathPrefix, Labels: g.Labels, IgnoreError: g.IgnoreError,
					Username: g.HTTPClient.BasicAuth.Username, Password: g.HTTPClient.BasicAuth.Password,
					InsecureSkipVerify: g.HTTPClient.TLSConfig.InsecureSkipVerify,
				}
				if group.Scheme == "" {
					group.Scheme = "http"
				}
				out.Groups = append(out.Groups, group)
			}
		}
	}
	return out, nil
}
