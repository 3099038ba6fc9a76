package autoconfig

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"koflab/charts/release"
)

// withdrawAll takes off the cluster what summaries that are being deleted had
// brought to it, and lets them go.
func (v *visit) withdrawAll(ctx context.Context, summaries []*unstructured.Unstructured) {
	// Profiles that depend on others go first.
	going := slices.DeleteFunc(slices.Clone(summaries), func(u *unstructured.Unstructured) bool { return u.GetDeletionTimestamp() == nil })
	slices.SortStableFunc(going, func(a, b *unstructured.Unstructured) int {
		return boolInt(dependsOn(b, a)) - boolInt(dependsOn(a, b))
	})
	for _, s := range going {
		if err := v.withdraw(ctx, s, summaries); err != nil {
			v.fail(err)
			continue
		}
		delete(v.state.applied, "profile "+s.GetLabels()[labelProfile])
		if _, err := v.api.setFinalizer(ctx, clusterSummaries, v.latest(s), finalizerSummary, false); err != nil {
			v.fail(err)
		}
	}
}

// dependsOn reports whether a's profile depends on b's.
func dependsOn(a, b *unstructured.Unstructured) bool {
	return slices.Contains(list(a.Object, "spec", "clusterProfileSpec", "dependsOn"), any(b.GetLabels()[labelProfile]))
}

func (v *visit) withdraw(ctx context.Context, s *unstructured.Unstructured, all []*unstructured.Unstructured) error {
	p := &profileSpec{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(dictionary(s.Object, "spec", "clusterProfileSpec"), p); err != nil {
		return fmt.Errorf("%s: %w", clusterSummaries.name(s.GetNamespace(), s.GetName()), err)
	}
	if p.StopMatching == leavePolicies && !v.going() {
		return nil
	}
	if err := v.withdrawLocal(ctx, p); err != nil {
		return err
	}
	if v.going() && !v.livesOn() {
		return nil // it goes with everything on it
	}
	t, err := v.connect(ctx)
	if err != nil {
		if v.going() {
			// Nobody will make it answer any more.
			v.warn(ctx, sveltosClusters, v.cluster, "NotCleaned", "services stay on the cluster, which does not answer: "+err.Error())
			return nil
		}
		return v.unreachable(ctx, err)
	}
	kept := v.heldByOthers(s, all)
	for _, h := range slices.Backward(p.HelmCharts) {
		if kept[h.key()] || h.Action == "Uninstall" {
			continue
		}
		_, err := t.releases.Uninstall(ctx, h.ReleaseNamespace, h.ReleaseName, release.UninstallOptions{IgnoreNotFound: true})
		if err != nil {
			return fmt.Errorf("uninstalling %s: %w", h.key(), err)
		}
	}
	return nil
}

// withdrawLocal removes a profile's objects on management. What cannot be
// rendered any more stays.
func (v *visit) withdrawLocal(ctx context.Context, p *profileSpec) error {
	if !slices.ContainsFunc(p.PolicyRefs, func(r policyRef) bool { return r.DeploymentType == "Local" }) {
		return nil
	}
	r := &rendering{c: v.Controllers, cluster: v.cluster, reads: v.reads}
	local, err := newTarget(v.Config, v.id, v.Options)
	if err != nil {
		return err
	}
	defer local.close()
	t := templating{cluster: v.cluster.Object}
	for _, ref := range p.PolicyRefs {
		if ref.DeploymentType != "Local" {
			continue
		}
		objects, err := r.policy(ctx, t, ref)
		if err != nil {
			continue
		}
		for _, u := range objects {
			if err := local.remove(ctx, u); err != nil {
				return fmt.Errorf("on management: %w", err)
			}
		}
	}
	return nil
}

// heldByOthers are the releases that another profile wants on the cluster too.
func (v *visit) heldByOthers(s *unstructured.Unstructured, all []*unstructured.Unstructured) map[string]bool {
	held := map[string]bool{}
	for _, other := range all {
		if other.GetName() == s.GetName() || other.GetDeletionTimestamp() != nil {
			continue
		}
		if p, err := v.profile(other.GetLabels()[labelProfile]); err == nil && p != nil {
			for _, h := range p.HelmCharts {
				held[h.key()] = true
			}
		}
	}
	return held
}

// going reports whether the cluster's ClusterDeployment is being deleted.
func (v *visit) going() bool {
	cd := v.cache.get(clusterDeployments, v.id.Namespace, v.id.Name)
	return cd != nil && cd.GetDeletionTimestamp() != nil
}

func (v *visit) livesOn() bool {
	cd := v.cache.get(clusterDeployments, v.id.Namespace, v.id.Name)
	if cd == nil {
		return true
	}
	d, _ := readDeployment(cd)
	return d.livesOn()
}
