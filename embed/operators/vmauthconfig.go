package operators

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// VMAuthConfig is the configuration file of vmauth: the part of its format that
// the operator writes.
type VMAuthConfig struct {
	Users            []VMAuthUser `yaml:"users,omitempty"`
	UnauthorizedUser *VMAuthUser  `yaml:"unauthorized_user,omitempty"`
}

// VMAuthUser is what one set of credentials may reach.
type VMAuthUser struct {
	Name                  string            `yaml:"name,omitempty"`
	Username              string            `yaml:"username,omitempty"`
	Password              string            `yaml:"password,omitempty"`
	BearerToken           string            `yaml:"bearer_token,omitempty"`
	URLPrefix             []string          `yaml:"url_prefix,omitempty"`
	URLMap                []VMAuthRoute     `yaml:"url_map,omitempty"`
	DefaultURL            []string          `yaml:"default_url,omitempty"`
	Headers               []string          `yaml:"headers,omitempty"`
	MaxConcurrentRequests *int              `yaml:"max_concurrent_requests,omitempty"`
	RetryStatusCodes      []int             `yaml:"retry_status_codes,omitempty"`
	LoadBalancingPolicy   string            `yaml:"load_balancing_policy,omitempty"`
	DropPrefixParts       *int              `yaml:"drop_src_path_prefix_parts,omitempty"`
	MetricLabels          map[string]string `yaml:"metric_labels,omitempty"`
	TLSInsecureSkipVerify bool              `yaml:"tls_insecure_skip_verify,omitempty"`
}

// String tells a user without its secrets, so that no log has them by accident.
func (u VMAuthUser) String() string {
	return fmt.Sprintf("{%s %d routes}", orDefault(u.Username, u.Name), len(u.URLMap))
}

// GoString is String, for %#v.
func (u VMAuthUser) GoString() string { return u.String() }

// VMAuthRoute leads requests whose path matches a pattern to a backend. Args in
// the URL prefix's query overrule those of the request.
type VMAuthRoute struct {
	SrcPaths            []string `yaml:"src_paths,omitempty"`
	SrcHosts            []string `yaml:"src_hosts,omitempty"`
	SrcQueryArgs        []string `yaml:"src_query_args,omitempty"`
	URLPrefix           []string `yaml:"url_prefix,omitempty"`
	DropPrefixParts     *int     `yaml:"drop_src_path_prefix_parts,omitempty"`
	Headers             []string `yaml:"headers,omitempty"`
	RetryStatusCodes    []int    `yaml:"retry_status_codes,omitempty"`
	LoadBalancingPolicy string   `yaml:"load_balancing_policy,omitempty"`
}

// ParseVMAuthConfig reads a configuration file, whoever wrote it. Fields that
// koflab does not know are errors: to pass over one could open what it closes.
func ParseVMAuthConfig(text []byte) (*VMAuthConfig, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	c := &VMAuthConfig{}
	if err := decoder.Decode(c); err != nil && len(bytes.TrimSpace(text)) > 0 {
		return nil, fmt.Errorf("vmauth configuration: %w", err)
	}
	return c, nil
}

// Marshal renders the file.
func (c *VMAuthConfig) Marshal() ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(c); err != nil {
		return nil, fmt.Errorf("vmauth configuration: %w", err)
	}
	return out.Bytes(), nil
}

// credentials are a VMUser's, its references resolved.
type credentials struct{ username, password, token string }

// configUser renders a VMUser.
func configUser(cr *vmUser, c credentials) (VMAuthUser, error) {
	s := cr.Spec
	out := VMAuthUser{
		Name: s.Name, Username: c.username, Password: c.password, BearerToken: c.token,
		DefaultURL: s.DefaultURL, Headers: s.Headers, MaxConcurrentRequests: s.MaxConcurrent,
		RetryStatusCodes: s.RetryStatus, LoadBalancingPolicy: s.LoadBalancing,
		MetricLabels: s.MetricLabels, TLSInsecureSkipVerify: s.TLSInsecure,
	}
	if len(s.TargetRefs) == 0 {
		return out, fmt.Errorf("spec.targetRefs is empty: the user would reach nothing")
	}
	return out, out.addTargets(s.TargetRefs, cr.Namespace)
}

// addTargets renders targets: a single one that matches every path becomes the
// user's own url_prefix, as vmauth allows no map then.
func (u *VMAuthUser) addTargets(targets []vmUserTarget, namespace string) error {
	for i, t := range targets {
		urls, err := t.urls(namespace)
		if err != nil {
			return fmt.Errorf("targetRefs[%d]: %w", i, err)
		}
		if len(t.BasicAuth) > 0 {
			return fmt.Errorf("targetRefs[%d]: targetRefBasicAuth is not supported: put the credentials into static.url", i)
		}
		paths := t.Paths
		if len(paths) == 0 && t.CRD != nil {
			paths = crdTargets[t.CRD.Kind].paths
		}
		if len(targets) == 1 && len(t.Paths)+len(t.Hosts)+len(t.SrcQueryArgs) == 0 {
			u.URLPrefix, u.DropPrefixParts = urls, t.DropPrefixParts
			u.Headers = append(u.Headers, t.Headers...)
			u.LoadBalancingPolicy = orDefault(t.LoadBalancing, u.LoadBalancingPolicy)
			return nil
		}
		if len(paths)+len(t.Hosts)+len(t.SrcQueryArgs) == 0 {
			paths = []string{"/.*"}
		}
		u.URLMap = append(u.URLMap, VMAuthRoute{
			SrcPaths: paths, SrcHosts: t.Hosts, SrcQueryArgs: t.SrcQueryArgs, URLPrefix: urls,
			DropPrefixParts: t.DropPrefixParts, Headers: t.Headers,
			RetryStatusCodes: t.RetryStatus, LoadBalancingPolicy: t.LoadBalancing,
		})
	}
	return nil
}

// unauthorized renders what a vmauth lets pass without credentials, nil for
// nothing.
func (s *vmAuthSpec) unauthorized(namespace string) (*VMAuthUser, error) {
	maps := s.UnauthorizedAccessConfig
	out := &VMAuthUser{}
	if u := s.UnauthorizedUserAccessSpec; u != nil {
		maps = append(maps, u.URLMap...)
		out.URLPrefix, out.DefaultURL, out.MaxConcurrentRequests = u.URLPrefix, u.DefaultURL, u.MaxConcurrent
		out.RetryStatusCodes, out.DropPrefixParts = u.RetryStatus, u.DropPrefixParts
		if err := out.addTargets(u.TargetRefs, namespace); err != nil {
			return nil, fmt.Errorf("unauthorizedUserAccessSpec: %w", err)
		}
	}
	for _, m := range maps {
		out.URLMap = append(out.URLMap, VMAuthRoute{
			SrcPaths: m.SrcPaths, SrcHosts: m.SrcHosts, SrcQueryArgs: m.SrcQueryArgs, URLPrefix: m.URLPrefix,
			DropPrefixParts: m.DropPrefixParts, Headers: m.Headers,
			RetryStatusCodes: m.RetryStatus, LoadBalancingPolicy: m.LoadBalancing,
		})
	}
	if len(out.URLMap)+len(out.URLPrefix) == 0 {
		return nil, nil
	}
	for _, u := range out.URLPrefix {
		if _, err := withSuffix(u, "", nil); err != nil {
			return nil, fmt.Errorf("unauthorizedUserAccessSpec: %w", err)
		}
	}
	for i, r := range out.URLMap {
		for _, u := range r.URLPrefix {
			if _, err := withSuffix(u, "", nil); err != nil {
				return nil, fmt.Errorf("unauthorizedUserAccessSpec: url_map[%d]: %w", i, err)
			}
		}
	}
	return out, nil
}
