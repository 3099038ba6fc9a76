package conform

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// clusterChecks say of every cluster whether its telemetry comes, and if not, why.
var clusterChecks = []check{
	{
		id: "cluster-names", title: "No two clusters share a name", area: "clusters", severity: Error,
		does:    "Names of ClusterDeployments are unique in a namespace only. Dashboards and rules know a cluster by the label cluster alone: two of one name are one cluster to them, and sums count both.",
		source:  "kof-collectors, kof.clusterName; dashboards' variable label_values(kube_node_info, cluster) (kof-facts 7, scenario 16)",
		fix:     "Rename one of the clusters (a new ClusterDeployment), or give its collectors a name of their own: kof.clusterName in annotation k0rdent.mirantis.com/kof-collectors-values.",
		hides:   []aspect{everything},
		because: "shares its name with another cluster",
		run:     checkNames,
	},
	{
		id: "child-credentials", title: "The regions accept the clusters' credentials", area: "clusters", severity: Error,
		does:    "A child's collectors write with the user of Secret kof-vmuser-creds-HASH, which vmauth in the region knows as a VMUser. 401 is not retried: what is refused is dropped at once.",
		source:  "kof-collectors, basicauth extensions, env KOF_VM_USER and KOF_VM_PASSWORD; vmauth; OpenTelemetry Collector, otlphttp and prometheusremotewrite exporters: permanent errors",
		fix:     "Give the child the password of Secret kof-vmuser-creds-HASH on management again: remove an override of kof.vmuser in annotation kof-collectors-values, or see that MultiClusterService kof-storage-child-secret-propagation is Provisioned. What was dropped meanwhile is lost.",
		hides:   []aspect{everything},
		because: "writes with credentials that its region refuses",
		run:     checkChildCredentials,
	},
	{
		id: "clock-skew", title: "The clusters' clocks are right", area: "clusters", severity: Error,
		does:    "Samples, lines and spans carry the time of the node that they come from. Behind by more than 5 minutes instant queries and alerts miss them; 2 days ahead VictoriaMetrics refuses them.",
		source:  "Prometheus' lookback of 5m; VictoriaMetrics, maximum 2 days in the future (kof-facts 7, scenario 31); alert NodeClockSkewDetected",
		fix:     "Set the clocks of the cluster's nodes (chrony or systemd-timesyncd; node_timex_sync_status and node_timex_offset_seconds show them).",
		hides:   []aspect{everything},
		because: "has a clock that is off",
		run:     checkSkew,
	},
	{
		id: "cluster-silent", title: "Every cluster sends metrics", area: "clusters", severity: Error,
		does:    "Collectors scrape every 15 to 30 s and write at once. No default alert fires for a cluster that goes silent: TargetDown needs samples of up.",
		source:  "kof-collectors, scrape intervals; kof-facts 3.2, 3.5 and 7 (scenario 26)",
		fix:     "On the cluster: kubectl -n kof get pods; kubectl -n kof logs of the collectors tells 401 (credentials), no such host (DNS), x509 (certificate) or timeouts (network). On management: ClusterSummary of the cluster should be Provisioned. If the cluster was removed on purpose, it is out of sight after --since.",
		hides:   []aspect{everything},
		because: "sends nothing",
		run: func(_ context.Context, s *survey, v *verdict) {
			for _, name := range s.clusterNames() {
				if c := s.clusters[name]; v.judge(name) && s.silent(c) {
					v.wrong(name, "%s", s.lastSeen(c))
				}
			}
			v.note("%d clusters have sent samples in the last %s", len(v.judged), silentAfter)
		},
	},
}

func (s *survey) lastSeen(c *knownCluster) string {
	if c.fresh.IsZero() {
		return "it has no current sample of up"
	}
	return fmt.Sprintf("its newest sample of up is %s old", s.now.Sub(c.fresh).Round(time.Second))
}

// checkNames looks for one name in two namespaces or regions, for a cluster that is
// given another's, and for two sources of cluster state that know different nodes.
func checkNames(ctx context.Context, s *survey, v *verdict) {
	v.judgeClusters()
	places := map[string]map[string]bool{}
	for _, r := range s.rows {
		if r.cluster != "" && s.current(r.fresh) {
			add(places, r.cluster, fmt.Sprintf("namespace %s%s", or(r.namespace, "(none)"), inRegion(r.region)))
		}
	}
	if len(s.deployments) > 0 {
		places = map[string]map[string]bool{} // the objects say it better than telemetry that is mixed up
		for _, d := range s.deployments {
			if role := d.label(labelRole); role == roleRegional || role == roleChild {
				add(places, d.name(), "namespace "+d.namespace())
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(places)) {
		if len(places[name]) > 1 {
			v.wrong(name, "there is one in %s", strings.Join(slices.Sorted(maps.Keys(places[name])), ", and one in "))
		}
	}
	for _, name := range s.clusterNames() {
		if other := s.clusters[name].called; other != "" {
			v.wrong(name, "its kof-collectors-values call it %s", other)
			v.wrong(other, "the collectors of %s call their cluster so too", name)
		}
	}
	if len(v.findings) == 0 {
		checkTwoStates(ctx, s, v)
	}
}

// checkTwoStates finds clusters of one name by their kube-state-metrics: two that know
// no node in common are of two clusters.
func checkTwoStates(ctx context.Context, s *survey, v *verdict) {
	state, err := s.metrics.query(ctx, "max by (cluster, job, instance, node) (timestamp(kube_node_info))")
	if err != nil {
		v.cannot("query kube_node_info", err)
		return
	}
	known := map[[2]string]map[string]map[string]bool{} // cluster and job -> instance -> nodes
	for _, x := range state {
		if !s.current(instant(x.value)) || x.of("cluster") == "" {
			continue
		}
		key := [2]string{x.of("cluster"), x.of("job")}
		if known[key] == nil {
			known[key] = map[string]map[string]bool{}
		}
		add(known[key], x.of("instance"), x.of("node"))
	}
	for key, instances := range known {
		if names := apart(instances); len(names) > 1 && !v.found(key[0]) {
			v.wrong(key[0], "several kube-state-metrics with different nodes call their cluster so: %s", strings.Join(names, ", "))
		}
	}
}

// apart are the instances of which no two know a node in common.
func apart(instances map[string]map[string]bool) []string {
	var out []string
	seen := map[string]bool{}
	for _, i := range slices.Sorted(maps.Keys(instances)) {
		common := false
		for n := range instances[i] {
			common = common || seen[n]
			seen[n] = true
		}
		if !common {
			out = append(out, i)
		}
	}
	return out
}

func add(m map[string]map[string]bool, key, value string) {
	if m[key] == nil {
		m[key] = map[string]bool{}
	}
	m[key][value] = true
}

// found reports whether the verdict names a subject already.
func (v *verdict) found(subject string) bool {
	return slices.ContainsFunc(v.findings, func(f finding) bool { return f.subject == subject })
}

// checkChildCredentials asks the regions of silent children with what the children
// themselves have.
func checkChildCredentials(ctx context.Context, s *survey, v *verdict) {
	if v.noObjects() {
		return
	}
	for _, name := range s.clusterNames() {
		c := s.clusters[name]
		if c.deployment == nil || c.role != roleChild || !v.judge(name) || !s.silent(c) {
			continue
		}
		given, where, err := s.writesWith(ctx, c)
		if err != nil || where == "" {
			continue // cluster-silent will say that it is silent
		}
		if p := probe(ctx, given, s.target, s.options.Timeout); p.trouble == troubleCredentials {
			v.wrong(name, "user %s of %s on the cluster is refused by %s: %s", given.Username, where, p.at, p.detail)
		}
	}
}

// writesWith is how a child's collectors are let in by its region, read on the child.
func (s *survey) writesWith(ctx context.Context, c *knownCluster) (Region, string, error) {
	r := s.regions[c.region]
	if r == nil {
		return Region{}, "", nil
	}
	given := Region{Name: r.name, URL: r.probed.at}
	for _, t := range s.target.Regions {
		if t.Name == c.region {
			given.URL, given.Insecure = t.URL, t.Insecure
		}
	}
	if given.URL == "" {
		g, ok := s.groupRegion(ctx, r)
		if !ok {
			return Region{}, "", nil
		}
		given.URL, given.Insecure = g.URL, g.Insecure
	}
	child, err := s.kube.cluster(ctx, c.deployment.namespace(), c.name)
	if err != nil || child == nil {
		return Region{}, "", err
	}
	for _, name := range []string{"kof-collectors-vmuser", "storage-vmuser-credentials"} {
		secret, err := child.one(ctx, secrets, "kof", name)
		if err != nil {
			return Region{}, "", err
		}
		if secret != nil && secret.data("username") != "" {
			given.Username, given.Password = secret.data("username"), secret.data("password")
			return given, "Secret kof/" + name, nil
		}
	}
	return Region{}, "", nil
}

const (
	// skewAhead is how far in the future a sample may be stamped: clocks of machines
	// that ask and are asked differ a little too.
	skewAhead = 90 * time.Second
	// secondLook is how long is waited, in the target's time, for whether old samples
	// become newer: longer than KOF's longest scrape interval.
	secondLook = 45 * time.Second
	// skewSteady is by how much the age of the newest sample may change meanwhile. When
	// it shrinks faster a backlog is being sent, and no clock is off.
	skewSteady = 40 * time.Second
	// lookAgain is how often, in real time, the target is asked whether it is time.
	lookAgain = time.Second
	// wideLook is how far back and ahead stamps are looked for.
	wideLook = time.Hour
)

func checkSkew(ctx context.Context, s *survey, v *verdict) {
	v.judgeClusters()
	ahead, err := s.ages(ctx, "", fmt.Sprintf("[%s:1m] offset -%s", promDuration(wideLook), promDuration(wideLook)))
	if err != nil {
		v.cannot("query of stamps in the future", err)
		return
	}
	var silent []string
	for _, name := range s.clusterNames() {
		if !v.judged[name] {
			continue
		}
		if d, ok := ahead[name]; ok && -d > skewAhead {
			v.wrong(name, "its newest sample of up is stamped %s in the future", (-d).Round(time.Second))
		} else if s.silent(s.clusters[name]) {
			silent = append(silent, name)
		}
	}
	if len(silent) == 0 {
		return
	}
	if err := s.behind(ctx, v, silent); err != nil && len(v.findings) == 0 {
		v.cannot("query of stamps in the past", err)
	}
}

// behind finds clusters whose old samples become newer without becoming less old:
// their clock is behind.
func (s *survey) behind(ctx context.Context, v *verdict, silent []string) error {
	window := fmt.Sprintf("[%s:15s]", promDuration(wideLook))
	first, err := s.ages(ctx, oneOf(silent), window)
	if err != nil || len(first) == 0 {
		return err
	}
	elapsed, err := s.passTargetTime(ctx, secondLook)
	if err != nil {
		return err
	}
	second, err := s.ages(ctx, oneOf(silent), window)
	if err != nil {
		return err
	}
	for _, name := range silent {
		one, ok1 := first[name]
		two, ok2 := second[name]
		grown := two - one
		if ok1 && ok2 && two > silentAfter && grown < min(elapsed/2, skewSteady) && grown > -skewSteady {
			v.wrong(name, "samples come, stamped %s behind", two.Round(time.Second))
		}
	}
	return nil
}

// passTargetTime waits until the target's clock has gone on, and returns by how much:
// that of a lab may be faster than ours, and one that stands still is not waited for
// longer than ours takes.
func (s *survey) passTargetTime(ctx context.Context, d time.Duration) (time.Duration, error) {
	start, err := s.metrics.now(ctx)
	if err != nil {
		return 0, err
	}
	now := start
	for range int(d / lookAgain) {
		if err := s.options.Wait(ctx, lookAgain); err != nil {
			return 0, err
		}
		if now, err = s.metrics.now(ctx); err != nil {
			return 0, err
		}
		if now.Sub(start) > d {
			break
		}
	}
	return now.Sub(start), nil
}

// oneOf is a matcher of clusters by name.
func oneOf(names []string) string {
	var quoted []string
	for _, n := range names {
		quoted = append(quoted, regexpQuote(n))
	}
	return fmt.Sprintf("{cluster=~%q}", strings.Join(quoted, "|"))
}

// regexpQuote quotes what is special in a regular expression of RE2.
func regexpQuote(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(`\.+*?()|[]{}^$`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// ages are how old each cluster's newest sample of up in a window is.
func (s *survey) ages(ctx context.Context, matcher, window string) (map[string]time.Duration, error) {
	rows, err := s.metrics.query(ctx, "time() - max by (cluster) (max_over_time(timestamp(up"+matcher+")"+window+"))")
	if err != nil {
		return nil, err
	}
	out := map[string]time.Duration{}
	for _, x := range rows {
		out[x.of("cluster")] = time.Duration(x.value * float64(time.Second))
	}
	return out, nil
}
