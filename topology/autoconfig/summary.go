package autoconfig

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"koflab/charts/release"
)

// States of a summary's features and of its charts.
const (
	stateProvisioned  = "Provisioned"
	stateProvisioning = "Provisioning"
	stateFailed       = "Failed"
)

// summaryName is Sveltos' name for what a profile does on a cluster.
func summaryName(profile, cluster string) string { return profile + "-sveltos-" + cluster }

// summaryCluster is the cluster that a ClusterSummary is about.
func summaryCluster(u *unstructured.Unstructured) types.NamespacedName {
	return types.NamespacedName{Namespace: str(u.Object, "spec", "clusterNamespace"), Name: str(u.Object, "spec", "clusterName")}
}

func (c *Controllers) summariesOf(cluster types.NamespacedName) []*unstructured.Unstructured {
	return c.cache.indexed(clusterSummaries, cluster.String())
}

// chartState is how one chart of a summary does.
type chartState struct {
	namespace, name string
	state, message  string
}

// provisionAll brings to the cluster what its summaries say, profiles after
// those they depend on. It reports whether nothing is missing.
func (v *visit) provisionAll(ctx context.Context, summaries []*unstructured.Unstructured) bool {
	done := map[string]bool{}
	todo := slices.DeleteFunc(slices.Clone(summaries), func(u *unstructured.Unstructured) bool { return u.GetDeletionTimestamp() != nil })
	all := len(todo)
	for len(todo) > 0 {
		var later []*unstructured.Unstructured
		for _, s := range todo {
			name := s.GetLabels()[labelProfile]
			p, err := v.profile(name)
			if err != nil {
				v.fail(err)
				continue
			}
			if p == nil {
				continue // its summary is about to go
			}
			if i := slices.IndexFunc(p.DependsOn, func(d string) bool { return !done[d] }); i >= 0 {
				later = append(later, s)
				continue
			}
			ok, err := v.provision(ctx, s, name, p)
			done[name] = ok
			v.fail(err)
		}
		if len(later) == len(todo) {
			v.waiting(ctx, later, done)
			break
		}
		todo = later
	}
	count := 0
	for _, ok := range done {
		count += boolInt(ok)
	}
	return all > 0 && count == all
}

func (c *Controllers) profile(name string) (*profileSpec, error) {
	u := c.cache.get(clusterProfiles, "", name)
	if u == nil || u.GetDeletionTimestamp() != nil {
		return nil, nil
	}
	p, err := readProfile(dictionary(u.Object, "spec"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", clusterProfiles.name("", name), err)
	}
	return p, nil
}

// waiting notes of summaries for which profiles they wait.
func (v *visit) waiting(ctx context.Context, summaries []*unstructured.Unstructured, done map[string]bool) {
	for _, s := range summaries {
		p, err := v.profile(s.GetLabels()[labelProfile])
		if err != nil || p == nil {
			continue
		}
		var missing []string
		for _, d := range p.DependsOn {
			if !done[d] {
				missing = append(missing, d)
			}
		}
		message := "waiting for ClusterProfile " + strings.Join(missing, ", ") + " on this cluster"
		v.fail(v.report(ctx, s, stateProvisioning, message, nil))
	}
}

// provision brings to the cluster what one profile says, and reports whether it
// is there.
func (v *visit) provision(ctx context.Context, s *unstructured.Unstructured, name string, p *profileSpec) (bool, error) {
	r := &rendering{c: v.Controllers, cluster: v.cluster, reads: v.reads}
	what, err := r.render(ctx, p)
	if err != nil {
		state := stateFailed
		var missing *awaited
		if errors.As(err, &missing) {
			state = stateProvisioning
		}
		return false, errors.Join(err, v.report(ctx, s, state, err.Error(), nil))
	}
	digest := what.digest()
	if !v.changed("profile "+name, digest) || p.SyncMode == syncOneTime && provisioned(s) {
		return provisioned(v.latest(s)), nil
	}
	if p.SyncMode == syncDryRun {
		return false, v.report(ctx, s, stateProvisioning, "syncMode is DryRun: nothing is installed", nil)
	}
	t, err := v.connect(ctx)
	if err != nil {
		return false, v.unreachable(ctx, err)
	}
	if len(list(s.Object, "status", "featureSummaries")) == 0 {
		if err := v.report(ctx, s, stateProvisioning, "", nil); err != nil {
			return false, err
		}
	}
	if err := v.policies(ctx, t, what); err != nil {
		return false, errors.Join(err, v.report(ctx, s, stateFailed, err.Error(), nil))
	}
	states, err := v.install(ctx, t, what.charts)
	if err != nil {
		v.warn(ctx, clusterSummaries, s, "ProvisioningFailed", err.Error())
		return false, errors.Join(err, v.report(ctx, s, stateFailed, err.Error(), states))
	}
	v.untell("ProvisioningFailed", clusterSummaries.name(s.GetNamespace(), s.GetName()))
	v.state.applied["profile "+name] = digest
	return true, v.report(ctx, s, stateProvisioned, "", states)
}

// policies makes a profile's objects: those for management first.
func (v *visit) policies(ctx context.Context, t *target, what *rendered) error {
	if len(what.local) > 0 {
		local, err := newTarget(v.Config, v.id, v.Options)
		if err != nil {
			return err
		}
		defer local.close()
		for _, u := range what.local {
			if err := local.apply(ctx, u); err != nil {
				return fmt.Errorf("on management: %w", err)
			}
		}
	}
	for _, u := range what.remote {
		if err := t.apply(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

// install installs what can be installed, each chart after those it depends on.
func (v *visit) install(ctx context.Context, t *target, charts []renderedChart) ([]chartState, error) {
	states := make([]chartState, len(charts))
	index := map[string]int{}
	for i, h := range charts {
		states[i] = chartState{namespace: h.ReleaseNamespace, name: h.ReleaseName}
		index[h.key()] = i
	}
	var errs []error
	fail := func(i int, err error) {
		states[i].state, states[i].message = stateFailed, err.Error()
		var missing *awaited
		if errors.As(err, &missing) {
			states[i].state = stateProvisioning
		}
		errs = append(errs, fmt.Errorf("release %s: %w", charts[i].key(), err))
	}
	for i, h := range charts {
		if h.err != nil {
			fail(i, h.err)
		}
	}
	// What depends on a chart that has no values cannot be installed either.
	for changed := true; changed; {
		changed = false
		for i, h := range charts {
			for _, d := range h.release.DependsOn {
				if j, ok := index[d]; ok && states[i].state == "" && states[j].state != "" {
					states[i].state, states[i].message = stateProvisioning, "waiting for release "+d
					changed = true
				}
			}
		}
	}
	var releases []release.Release
	var at []int
	for i, h := range charts {
		// What was to be uninstalled is not waited for.
		h.release.DependsOn = slices.DeleteFunc(slices.Clone(h.release.DependsOn), func(d string) bool {
			j, ok := index[d]
			return ok && charts[j].remove
		})
		switch {
		case states[i].state != "":
		case h.remove:
			states[i].state = stateProvisioned
			if _, err := t.releases.Uninstall(ctx, h.ReleaseNamespace, h.ReleaseName, release.UninstallOptions{IgnoreNotFound: true}); err != nil {
				fail(i, err)
			}
		default:
			releases, at = append(releases, h.release), append(at, i)
		}
	}
	results, err := t.releases.ApplyAll(ctx, releases)
	if len(results) != len(releases) {
		return states, errors.Join(append(errs, err)...)
	}
	for n, result := range results {
		states[at[n]].state = stateProvisioned
		switch {
		case result.Err != nil && result.Action == release.Skipped:
			states[at[n]].state, states[at[n]].message = stateProvisioning, result.Err.Error()
		case result.Err != nil:
			fail(at[n], result.Err)
		case v.force && result.Action == release.Unchanged:
			v.repair(ctx, t, charts[at[n]], func(err error) { fail(at[n], err) })
		}
	}
	return states, errors.Join(errs...)
}

// repair restores objects of a release that somebody changed or deleted.
func (v *visit) repair(ctx context.Context, t *target, h renderedChart, fail func(error)) {
	found, err := t.releases.Repair(ctx, h.ReleaseNamespace, h.ReleaseName)
	for _, d := range found {
		how := "was changed"
		if d.Missing {
			how = "was deleted"
		}
		v.Event(Normal, "DriftCorrected", sveltosClusters.name(v.id.Namespace, v.id.Name),
			fmt.Sprintf("%s of release %s %s and is as it was", d.Object, h.key(), how))
	}
	if err != nil {
		fail(err)
	}
}

// digest tells apart what is to be brought to a cluster.
func (r *rendered) digest() string {
	h := sha256.New()
	encoder := json.NewEncoder(h)
	for _, chart := range r.charts {
		problem := ""
		if chart.err != nil {
			problem = chart.err.Error()
		}
		// Encoding what was read from JSON and YAML cannot fail.
		_ = encoder.Encode([]any{chart.ChartName, chart.ChartVersion, chart.key(), chart.remove, chart.release.Values, problem})
	}
	for _, u := range slices.Concat(r.local, r.remote) {
		_ = encoder.Encode(u.Object)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func provisioned(s *unstructured.Unstructured) bool {
	features := list(s.Object, "status", "featureSummaries")
	for _, f := range features {
		if m, _ := f.(map[string]any); str(m, "status") != stateProvisioned {
			return false
		}
	}
	return len(features) > 0
}

// report writes a summary's status.
func (v *visit) report(ctx context.Context, s *unstructured.Unstructured, state, message string, charts []chartState) error {
	feature := map[string]any{"featureID": "Helm", "status": state}
	if message != "" {
		feature["failureMessage"] = message
	}
	status := map[string]any{"featureSummaries": []any{feature}, "dependencies": "no dependencies"}
	var releases []any
	for _, c := range charts {
		r := map[string]any{"releaseName": c.name, "releaseNamespace": c.namespace, "status": "Managing", "state": c.state}
		if c.message != "" {
			r["message"] = c.message
		}
		releases = append(releases, r)
	}
	if releases != nil {
		status["helmReleaseSummaries"] = releases
	}
	return v.api.setStatus(ctx, clusterSummaries, v.latest(s), status)
}

// latest is the object as the cache has it now.
func (c *Controllers) latest(s *unstructured.Unstructured) *unstructured.Unstructured {
	if now := c.cache.get(clusterSummaries, s.GetNamespace(), s.GetName()); now != nil {
		return now
	}
	return s
}
