package backing

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// Storage is what the pods of a storing cluster make of it.
type Storage struct {
	// Services are the listeners that have ready pods behind them, sorted.
	Services []string
	// Retention of each store; zero where no pod says.
	Metrics, Logs, Audit, Traces time.Duration
	// Users are the gateway's, sorted by name.
	Users []User
	// Hosts are the names under which ingress leads to the gateway.
	Hosts []string
	// Mesh says that the east-west gateway, by which other clusters of a mesh come
	// in, is ready.
	Mesh bool
}

// User is a user of the gateway.
type User struct{ Name, Password, Tenant string }

// vmauthConfig is the Secret that the VictoriaMetrics operator writes.
const (
	vmauthConfig    = "vmauth-config-cluster"
	vmauthConfigKey = "config.yaml"
	vmauthService   = "vmauth-cluster"
)

// Services by image: what is served once its pods are ready.
const (
	imageVMInsert  = "victoriametrics/vminsert"
	imageVMSelect  = "victoriametrics/vmselect"
	imageVMStorage = "victoriametrics/vmstorage"
	imageVL        = "victoriametrics/victoria-logs"
	imageJaeger    = "jaegertracing/all-in-one"
	imageVMAuth    = "victoriametrics/vmauth"
	imageNginx     = "ingress-nginx/controller"
	imageDNS       = "external-dns/external-dns"
	imageProxy     = "istio/proxyv2"
)

// StorageOf reads what a cluster stores and how it is reached; nil when no pod of
// it stores anything.
func StorageOf(api API) (*Storage, error) {
	running, err := runningPods(api, Namespace)
	if err != nil {
		return nil, err
	}
	s := &Storage{}
	if err := s.readStores(running); err != nil {
		return nil, err
	}
	if len(s.Services) == 0 {
		return nil, nil
	}
	if len(running[imageVMAuth]) > 0 {
		s.serve("vmauth")
	}
	slices.Sort(s.Services)
	if s.Users, err = users(api); err != nil {
		return nil, err
	}
	everywhere, err := runningPods(api, "")
	if err != nil {
		return nil, err
	}
	s.Mesh = len(everywhere[imageProxy]) > 0
	s.Hosts, err = hosts(api, everywhere)
	return s, err
}

func (s *Storage) serve(names ...string) { s.Services = append(s.Services, names...) }

func (s *Storage) readStores(running map[string][]*corev1.Pod) error {
	if stores := running[imageVMStorage]; len(stores) > 0 {
		var err error
		if s.Metrics, err = retention(container(stores[0], imageVMStorage), "retentionPeriod"); err != nil {
			return err
		}
		if len(running[imageVMInsert]) > 0 {
			s.serve("vminsert")
		}
		if len(running[imageVMSelect]) > 0 {
			s.serve("vmselect")
		}
	}
	for _, p := range running[imageVL] {
		c := container(p, imageVL)
		if Engine(c) != Logs {
			continue
		}
		keep, err := retention(c, "retentionPeriod")
		if err != nil {
			return err
		}
		if p.Labels["app.kubernetes.io/name"] == "audit-logs" {
			s.Audit = keep
			s.serve("vlinsert-audit-logs", "vlselect-audit-logs")
		} else {
			s.Logs = keep
			s.serve("vlinsert", "vlselect")
		}
	}
	for _, p := range running[imageJaeger] {
		var err error
		if s.Traces, err = retention(container(p, imageJaeger), "badger.span-store-ttl"); err != nil {
			return err
		}
		s.serve("vtinsert", "vtselect", "jaeger-query")
		break
	}
	slices.Sort(s.Services)
	s.Services = slices.Compact(s.Services)
	return nil
}

// retention reads a duration as VictoriaMetrics and Jaeger take it. A bare number
// is months, as VictoriaMetrics has it.
func retention(c *corev1.Container, name string) (time.Duration, error) {
	v, ok := flag(c, name)
	if !ok {
		return 0, nil
	}
	const month = 31 * 24 * time.Hour
	if v != "" && strings.Trim(v, "0123456789") == "" {
		n := 0
		if _, err := fmt.Sscan(v, &n); err != nil || n > 1200 {
			return 0, fmt.Errorf("container %s: -%s=%s: want at most 1200 months", c.Name, name, v)
		}
		return time.Duration(n) * month, nil
	}
	if d, err := model.ParseDuration(v); err == nil {
		return time.Duration(d), nil
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		return 0, fmt.Errorf("container %s: -%s=%s: want a duration such as 30d", c.Name, name, v)
	}
	return d, nil
}

// users reads vmauth's configuration. A tenant stands in the query arguments that
// a user's requests are given.
func users(api API) ([]User, error) {
	data, err := secret(api, Namespace, vmauthConfig)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var config struct {
		Users []struct {
			Username string   `json:"username"`
			Password string   `json:"password"`
			Prefix   prefixes `json:"url_prefix"`
			Map      []struct {
				Prefix prefixes `json:"url_prefix"`
			} `json:"url_map"`
		} `json:"users"`
	}
	if err := yaml.Unmarshal(data[vmauthConfigKey], &config); err != nil {
		return nil, fmt.Errorf("secret %s/%s: %w", Namespace, vmauthConfig, err)
	}
	var out []User
	for _, u := range config.Users {
		user := User{Name: u.Username, Password: u.Password}
		for _, m := range u.Map {
			u.Prefix = append(u.Prefix, m.Prefix...)
		}
		for _, p := range u.Prefix {
			if t := tenantOf(p); t != "" {
				user.Tenant = t
			}
		}
		out = append(out, user)
	}
	slices.SortFunc(out, func(a, b User) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// prefixes is a url_prefix: one URL or a list.
type prefixes []string

// UnmarshalJSON implements json.Unmarshaler.
func (p *prefixes) UnmarshalJSON(b []byte) error {
	var one string
	if err := yaml.Unmarshal(b, &one); err == nil {
		*p = prefixes{one}
		return nil
	}
	return yaml.Unmarshal(b, (*[]string)(p))
}

func tenantOf(prefix string) string {
	u, err := url.Parse(prefix)
	if err != nil {
		return ""
	}
	for _, v := range u.Query()["extra_label"] {
		if t, ok := strings.CutPrefix(v, "tenant="); ok {
			return t
		}
	}
	return ""
}

// hosts are the names of Ingresses in front of vmauth that a controller serves and
// external-dns has published.
func hosts(api API, running map[string][]*corev1.Pod) ([]string, error) {
	if len(running[imageNginx]) == 0 || len(running[imageDNS]) == 0 {
		return nil, nil
	}
	var out []string
	for _, o := range api.List(ingresses, "", labels.Everything()) {
		in := &networkingv1.Ingress{}
		if err := o.Into(in); err != nil {
			return nil, fmt.Errorf("ingress %s/%s: %w", o.Namespace, o.Name, err)
		}
		if len(in.Status.LoadBalancer.Ingress) == 0 {
			continue // no controller has taken it
		}
		for _, r := range in.Spec.Rules {
			if r.Host != "" && r.HTTP != nil && slices.ContainsFunc(r.HTTP.Paths, toGateway) {
				out = append(out, r.Host)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func toGateway(p networkingv1.HTTPIngressPath) bool {
	return p.Backend.Service != nil && p.Backend.Service.Name == vmauthService
}
