package conform

import (
	"context"
	"maps"
	"slices"
	"strings"
)

var tenantChecks = []check{{
	id: "tenant", title: "Every child's series are its tenant's", area: "tenants", severity: Error,
	does:   "vmauth stamps tenant=T, the ClusterDeployment's label kof-tenant-id or PLATFORM, on all that a child writes, over what it brought. Regions and management write past vmauth, so their own series have no tenant.",
	source: "kof-operator, VMUser query args extra_label and extra_filters; KOF 1.10, default tenant PLATFORM (kof-facts 2.6)",
	fix:    "Have the child write through https://vmauth.D with its own user, and nothing write to vminsert in the region directly; see query_args of VMUser kof-vmuser-HASH in the region and label k0rdent.mirantis.com/kof-tenant-id of the ClusterDeployment.",
	run:    checkTenant,
}}

func checkTenant(ctx context.Context, s *survey, v *verdict) {
	tenants := map[string]map[string]bool{}
	stamped := false
	for _, r := range s.rows {
		if r.cluster != "" && s.current(r.fresh) {
			add(tenants, r.cluster, r.tenant)
			stamped = stamped || r.tenant != ""
		}
	}
	if !stamped {
		v.skipf("no series has a tenant: KOF stamps them since 1.8")
		return
	}
	v.judgeClusters()
	past := s.pastGateway(ctx)
	for _, name := range slices.Sorted(maps.Keys(tenants)) {
		c := s.clusters[name]
		if c == nil || !v.judge(name) {
			continue
		}
		has := slices.Sorted(maps.Keys(tenants[name]))
		switch {
		case len(has) > 1:
			v.wrong(name, "its series have tenants %s", quoteAll(has))
		case c.role == roleRegional || c.region == name || past[name]:
			// Regions and management write past vmauth.
		case has[0] == "":
			v.wrong(name, "its series have no tenant")
		case c.deployment != nil && has[0] != or(c.deployment.label(labelTenant), defaultTenant):
			v.wrong(name, "its series have tenant %q, ClusterDeployment %s says %q", has[0], c.deployment.id(), or(c.deployment.label(labelTenant), defaultTenant))
		}
	}
}

// pastGateway are clusters that run KOF's storage or management: their collectors
// write past vmauth, so their series have no tenant.
func (s *survey) pastGateway(ctx context.Context) map[string]bool {
	out := map[string]bool{}
	rows, err := s.metrics.query(ctx, `count by (cluster) (kube_pod_info{namespace="kof", pod=~"(kof-mothership|vmstorage|vmauth)-.+"})`)
	if err != nil {
		return out // then it is judged as the others
	}
	for _, x := range rows {
		out[x.of("cluster")] = true
	}
	return out
}

func quoteAll(names []string) string {
	var out []string
	for _, n := range names {
		if n == "" {
			n = "(none)"
		}
		out = append(out, n)
	}
	return strings.Join(out, ", ")
}
