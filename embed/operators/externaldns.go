package operators

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"koflab/embed/kube/store"
)

const (
	// zoneName is the DNSEndpoint that stands for the zone of external-dns'
	// provider, which is nowhere else.
	zoneName  = "external-dns-zone"
	zoneLabel = "koflab.dev/dns-zone"

	annotationHostname = "external-dns.alpha.kubernetes.io/hostname"
	annotationTarget   = "external-dns.alpha.kubernetes.io/target"
	annotationTTL      = "external-dns.alpha.kubernetes.io/ttl"
)

func newExternalDNS() *operator {
	again := func(r *Operators, _ store.Change) {
		r.queue.add(key{operator: externalDNS, gr: dnsEndpoints, name: zoneName})
	}
	return &operator{
		name:    "external-dns",
		images:  []string{"external-dns/external-dns"},
		watches: []schema.GroupResource{ingresses, services, dnsEndpoints},
		related: again,
		begin:   func(r *Operators) { again(r, store.Change{}) },
		reconcile: func(r *Operators, k key) (time.Duration, error) {
			return 0, r.reconcileZone(k)
		},
	}
}

// dnsRecord is one name of a zone and what it leads to.
type dnsRecord struct {
	DNSName    string            `json:"dnsName"`
	RecordType string            `json:"recordType"`
	Targets    []string          `json:"targets"`
	TTL        int64             `json:"recordTTL,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
}

type dnsEndpoint = custom[struct {
	Endpoints []dnsRecord `json:"endpoints"`
}]

// dnsSource is an object that names are published for.
type dnsSource struct {
	resource string // ingress/kof/vmauth-cluster
	records  []dnsRecord
}

// addressRecords returns the records that lead names to targets: addresses by A
// and AAAA, the first name by CNAME.
func addressRecords(hosts, targets []string) []dnsRecord {
	var a, aaaa, cname []string
	for _, t := range targets {
		switch {
		case strings.Contains(t, ":"):
			aaaa = append(aaaa, t)
		case strings.Trim(t, "0123456789.") == "":
			a = append(a, t)
		default:
			cname = append(cname, t)
		}
	}
	var out []dnsRecord
	for _, host := range hosts {
		host = strings.TrimSuffix(strings.TrimSpace(host), ".")
		if host == "" {
			continue
		}
		for _, r := range []dnsRecord{{RecordType: "A", Targets: a}, {RecordType: "AAAA", Targets: aaaa}, {RecordType: "CNAME", Targets: cname}} {
			if len(r.Targets) > 0 {
				r.DNSName = host
				r.Targets = slices.Clone(r.Targets)
				slices.Sort(r.Targets)
				out = append(out, r)
			}
		}
	}
	return out
}

// zone is what external-dns has to be true: the records of all sources, each
// with a TXT record that says whose it is.
type zone struct {
	owner   string
	prefix  string // of the names of TXT records
	filters []string
	keep    bool // policy upsert-only: nothing is taken away
}

func (z zone) covers(name string) bool {
	return len(z.filters) == 0 || slices.ContainsFunc(z.filters, func(f string) bool {
		f = strings.TrimPrefix(f, ".")
		return name == f || strings.HasSuffix(name, "."+f)
	})
}

func (z zone) txt(r dnsRecord, resource string) dnsRecord {
	return dnsRecord{
		DNSName: z.prefix + strings.ToLower(r.RecordType) + "-" + r.DNSName, RecordType: "TXT",
		Targets: []string{fmt.Sprintf("heritage=external-dns,external-dns/owner=%s,external-dns/resource=%s", z.owner, resource)},
	}
}

// apply returns the records of the zone after a look at the sources, and what was
// not published since it belongs to somebody else.
func (z zone) apply(have []dnsRecord, sources []dnsSource) (out []dnsRecord, conflicts []string) {
	type id struct{ name, kind string }
	records := map[id]dnsRecord{}
	for _, r := range have {
		records[id{r.DNSName, r.RecordType}] = r
	}
	owned := func(r dnsRecord) bool {
		t := records[id{z.txt(r, "").DNSName, "TXT"}]
		return len(t.Targets) > 0 && strings.Contains(t.Targets[0], "external-dns/owner="+z.owner+",")
	}
	wanted := map[id]bool{}
	for _, s := range sources {
		for _, r := range s.records {
			at := id{r.DNSName, r.RecordType}
			if !z.covers(r.DNSName) || wanted[at] {
				continue // of two sources with one name the first keeps it
			}
			if old, ok := records[at]; ok && !owned(old) {
				conflicts = append(conflicts, fmt.Sprintf("%s %s of %s belongs to another owner", r.RecordType, r.DNSName, s.resource))
				continue
			}
			wanted[at] = true
			r.Labels = map[string]string{"owner": z.owner, "resource": s.resource}
			t := z.txt(r, s.resource)
			records[at] = r
			records[id{t.DNSName, "TXT"}] = t
			wanted[id{t.DNSName, "TXT"}] = true
		}
	}
	if !z.keep {
		for at, r := range records {
			if r.RecordType != "TXT" && !wanted[at] && owned(r) {
				delete(records, id{z.txt(r, "").DNSName, "TXT"})
				delete(records, at)
			}
		}
	}
	out = slices.Collect(maps.Values(records))
	slices.SortFunc(out, func(a, b dnsRecord) int {
		return strings.Compare(a.DNSName+" "+a.RecordType, b.DNSName+" "+b.RecordType)
	})
	return out, conflicts
}

func (r *Operators) reconcileZone(k key) error {
	pod := r.leader(externalDNS)
	z := zone{
		owner: pod.last("txt-owner-id", "default"), prefix: pod.last("txt-prefix", ""),
		filters: pod.flag("domain-filter"), keep: pod.last("policy", "sync") == "upsert-only",
	}
	var sources []dnsSource
	for _, source := range pod.flag("source") {
		switch source {
		case "ingress":
			sources = append(sources, r.ingressNames()...)
		case "service":
			sources = append(sources, r.serviceNames()...)
		case "crd":
			more, err := r.endpointNames()
			if err != nil {
				return err
			}
			sources = append(sources, more...)
		}
	}
	var have []dnsRecord
	at := ref{dnsEndpoints, pod.namespace, zoneName}
	o, err := r.find(at.gr, at.namespace, at.name)
	if err != nil {
		return err
	}
	if o != nil {
		var cr dnsEndpoint
		if err := o.Into(&cr); err != nil {
			return invalid{err}
		}
		have = cr.Spec.Endpoints
	}
	records, conflicts := z.apply(have, sources)
	if len(records) == 0 && o == nil {
		return nil
	}
	text, err := json.Marshal(map[string]any{"endpoints": records})
	if err != nil {
		return err
	}
	c := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": externalDNSGroup + "/v1alpha1", "kind": "DNSEndpoint",
		"metadata": map[string]any{"namespace": at.namespace, "name": at.name, "labels": map[string]any{zoneLabel: "true", labelManagedBy: "external-dns"}},
	}}
	var spec map[string]any
	if err := utiljson.Unmarshal(text, &spec); err != nil {
		return err
	}
	c.Object["spec"] = spec
	m := r.memo(k)
	done, last := childMemo{ref: at}, childMemo{}
	if len(m.children) == 1 && m.children[0].ref == at {
		last = m.children[0]
	}
	if err := r.put(&done, c, last, nil); err != nil {
		return err
	}
	m.children = []childMemo{done}
	if zoneObject, err := r.find(at.gr, at.namespace, at.name); err == nil && zoneObject != nil {
		for _, text := range conflicts {
			r.warn(k, zoneObject, "RecordConflict", text)
		}
		return r.setStatus(key{externalDNS, dnsEndpoints, at.namespace, at.name}, zoneObject, map[string]any{"observedGeneration": zoneObject.Generation})
	}
	return nil
}

func (r *Operators) ingressNames() []dnsSource {
	var out []dnsSource
	for _, o := range r.api.List(ingresses, "", labels.Everything()) {
		var in networkingv1.Ingress
		if o.Deleting || o.Into(&in) != nil {
			continue
		}
		var hosts, targets []string
		for _, rule := range in.Spec.Rules {
			hosts = append(hosts, rule.Host)
		}
		for _, t := range in.Spec.TLS {
			hosts = append(hosts, t.Hosts...)
		}
		for _, lb := range in.Status.LoadBalancer.Ingress {
			targets = append(targets, orDefault(lb.IP, lb.Hostname))
		}
		out = appendSource(out, "ingress", o, in.Annotations, hosts, targets)
	}
	return out
}

func (r *Operators) serviceNames() []dnsSource {
	var out []dnsSource
	for _, o := range r.api.List(services, "", labels.Everything()) {
		var s corev1.Service
		if o.Deleting || o.Into(&s) != nil || s.Annotations[annotationHostname] == "" {
			continue
		}
		var targets []string
		for _, lb := range s.Status.LoadBalancer.Ingress {
			targets = append(targets, orDefault(lb.IP, lb.Hostname))
		}
		out = appendSource(out, "service", o, s.Annotations, nil, targets)
	}
	return out
}

// appendSource adds an object's names, with what its annotations say of them.
func appendSource(out []dnsSource, kind string, o *store.Object, annotations map[string]string, hosts, targets []string) []dnsSource {
	if v := annotations[annotationHostname]; v != "" {
		hosts = append(hosts, strings.Split(v, ",")...)
	}
	if v := annotations[annotationTarget]; v != "" {
		targets = strings.Split(v, ",")
	}
	slices.Sort(hosts)
	records := addressRecords(slices.Compact(hosts), targets)
	if len(records) == 0 {
		return out
	}
	var ttl int64
	if d, err := time.ParseDuration(annotations[annotationTTL]); err == nil {
		ttl = int64(d / time.Second)
	} else if _, err := fmt.Sscan(annotations[annotationTTL], &ttl); err != nil {
		ttl = 0
	}
	for i := range records {
		records[i].TTL = ttl
	}
	return append(out, dnsSource{kind + "/" + o.Namespace + "/" + o.Name, records})
}

// endpointNames reads the records that users wrote as DNSEndpoints.
func (r *Operators) endpointNames() ([]dnsSource, error) {
	var out []dnsSource
	for _, o := range r.api.List(dnsEndpoints, "", labels.Everything()) {
		if o.Deleting || o.Labels[zoneLabel] != "" {
			continue
		}
		k := key{externalDNS, dnsEndpoints, o.Namespace, o.Name}
		var cr dnsEndpoint
		if err := o.Into(&cr); err != nil {
			r.warn(k, o, "InvalidEndpoint", err.Error())
			continue
		}
		out = append(out, dnsSource{"crd/" + o.Namespace + "/" + o.Name, cr.Spec.Endpoints})
		if err := r.setStatus(k, o, map[string]any{"observedGeneration": o.Generation}); err != nil {
			return nil, err
		}
	}
	return out, nil
}
