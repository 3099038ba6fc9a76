package operators

import (
	"encoding/json"
	"fmt"
	"net/url"
	"sort"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

type vmUser = custom[vmUserSpec]

type vmUserSpec struct {
	Name             string                    `json:"name"`
	Username         string                    `json:"username"`
	Password         string                    `json:"password"`
	PasswordRef      *corev1.SecretKeySelector `json:"passwordRef"`
	BearerToken      string                    `json:"bearerToken"`
	TokenRef         *corev1.SecretKeySelector `json:"tokenRef"`
	GeneratePassword bool                      `json:"generatePassword"`
	TargetRefs       []vmUserTarget            `json:"targetRefs"`
	DefaultURL       []string                  `json:"default_url"`
	Headers          []string                  `json:"headers"`
	MaxConcurrent    *int                      `json:"max_concurrent_requests"`
	RetryStatus      []int                     `json:"retry_status_codes"`
	LoadBalancing    string                    `json:"load_balancing_policy"`
	MetricLabels     map[string]string         `json:"metric_labels"`
	TLSInsecure      bool                      `json:"tlsInsecureSkipVerify"`
}

type vmUserTarget struct {
	CRD *struct {
		Kind      string `json:"kind"`
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"crd"`
	Static *struct {
		URL  string   `json:"url"`
		URLs []string `json:"urls"`
	} `json:"static"`
	Paths            []string       `json:"paths"`
	Hosts            []string       `json:"hosts"`
	SrcQueryArgs     []string       `json:"src_query_args"`
	TargetPathSuffix string         `json:"target_path_suffix"`
	QueryArgs        []vmUserArg    `json:"query_args"`
	DropPrefixParts  *int           `json:"drop_src_path_prefix_parts"`
	Headers          []string       `json:"headers"`
	RetryStatus      []int          `json:"retry_status_codes"`
	LoadBalancing    string         `json:"load_balancing_policy"`
	BasicAuth        map[string]any `json:"targetRefBasicAuth"`
}

// vmUserArg is a query arg that every request of the user carries.
type vmUserArg struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// stringList is a list that may be written as its only element.
type stringList []string

// UnmarshalJSON implements json.Unmarshaler.
func (l *stringList) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*l = stringList{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(b, &many); err != nil {
		return fmt.Errorf("want a string or a list of strings: %w", err)
	}
	*l = many
	return nil
}

// crdTargets tells where the parts of other custom resources listen, and the
// paths that are theirs when a target names none.
var crdTargets = map[string]struct {
	prefix string
	port   int
	paths  []string
}{
	"VMCluster/vminsert":  {"vminsert", insertPort, []string{"/insert/.*"}},
	"VMCluster/vmselect":  {"vmselect", selectPort, []string{"/select/.*", "/admin/tenants"}},
	"VMCluster/vmstorage": {"vmstorage", storagePort, nil},
	"VMSingle":            {"vmsingle", 8429, nil},
	"VMAgent":             {"vmagent", 8429, []string{"/prometheus/api/v1/write", "/api/v1/write"}},
	"VMAlert":             {"vmalert", alertPort, nil},
	"VMAlertmanager":      {"vmalertmanager", alertmanagerPort, nil},
	"VMAlertManager":      {"vmalertmanager", alertmanagerPort, nil},
}

// urls returns where a target leads to, with its suffix and args.
func (t vmUserTarget) urls(namespace string) ([]string, error) {
	var out []string
	switch {
	case t.CRD != nil && t.Static != nil:
		return nil, fmt.Errorf("both crd and static are set: keep one")
	case t.CRD != nil:
		target, ok := crdTargets[t.CRD.Kind]
		if !ok {
			return nil, fmt.Errorf("crd.kind %q is unknown: want one of %s", t.CRD.Kind, strings.Join(crdKinds(), ", "))
		}
		if t.CRD.Name == "" {
			return nil, fmt.Errorf("crd.name is empty")
		}
		out = []string{fmt.Sprintf("http://%s-%s.%s.svc:%d", target.prefix, t.CRD.Name, orDefault(t.CRD.Namespace, namespace), target.port)}
	case t.Static != nil && t.Static.URL != "":
		out = []string{t.Static.URL}
	case t.Static != nil && len(t.Static.URLs) > 0:
		out = append(out, t.Static.URLs...)
	default:
		return nil, fmt.Errorf("no target: give crd or static.url")
	}
	for i, raw := range out {
		u, err := withSuffix(raw, t.TargetPathSuffix, t.QueryArgs)
		if err != nil {
			return nil, err
		}
		out[i] = u
	}
	return out, nil
}

func crdKinds() []string {
	out := make([]string, 0, len(crdTargets))
	for kind := range crdTargets {
		out = append(out, kind)
	}
	sort.Strings(out)
	return out
}

// withSuffix appends a path and query to a target's URL, as vmauth wants it.
func withSuffix(raw, suffix string, args []vmUserArg) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("URL %q: want http://host or https://host", raw)
	}
	if suffix != "" {
		s, err := url.Parse(suffix)
		if err != nil || s.Host != "" {
			return "", fmt.Errorf("target_path_suffix %q: want a path, a query or both", suffix)
		}
		u.Path = strings.TrimSuffix(u.Path, "/") + s.Path
		if u.RawQuery, err = joinQueries(u.RawQuery, s.RawQuery); err != nil {
			return "", fmt.Errorf("target_path_suffix %q: %w", suffix, err)
		}
	}
	more := url.Values{}
	for _, a := range args {
		if a.Name == "" {
			return "", fmt.Errorf("query_args: a name is empty")
		}
		more[a.Name] = append(more[a.Name], a.Values...)
	}
	if u.RawQuery, err = joinQueries(u.RawQuery, more.Encode()); err != nil {
		return "", fmt.Errorf("URL %q: %w", raw, err)
	}
	if u.RawQuery != "" && u.Path == "" {
		u.Path = "/"
	}
	return u.String(), nil
}

// joinQueries encodes two queries anew as one, so that what reads it sees no
// spelling but one.
func joinQueries(a, b string) (string, error) {
	values, err := url.ParseQuery(a)
	if err != nil {
		return "", err
	}
	more, err := url.ParseQuery(b)
	if err != nil {
		return "", err
	}
	for name, v := range more {
		values[name] = append(values[name], v...)
	}
	return values.Encode(), nil
}
