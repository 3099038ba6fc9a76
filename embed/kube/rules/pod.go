package rules

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validatePod(p *corev1.Pod) field.ErrorList {
	errs := validatePodSpec(&p.Spec, spec, true)
	for _, list := range [...]struct {
		name       string
		containers []corev1.Container
	}{{"containers", p.Spec.Containers}, {"initContainers", p.Spec.InitContainers}} {
		for i := range list.containers {
			if image := list.containers[i].Image; strings.TrimSpace(image) != image {
				errs = append(errs, field.Invalid(spec.Child(list.name).Index(i).Child("image"), image, "must not have leading or trailing whitespace"))
			}
		}
	}
	return errs
}

// mutableInPods is the real server's sentence about what may change in a pod.
const mutableInPods = "pod updates may not change fields other than " +
	"`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`," +
	"`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` " +
	"(allow it to be set to 1 if it was previously negative)"

// updatePod refuses changes that a running pod could not take up. The choice of
// a node and debug containers come in by the same door, though the real server
// has subresources for them.
func updatePod(p, old *corev1.Pod) field.ErrorList {
	if apiequality.Semantic.DeepEqual(&p.Spec, &old.Spec) {
		return nil
	}
	if len(p.Spec.Containers) != len(old.Spec.Containers) {
		return field.ErrorList{field.Forbidden(spec.Child("containers"), "pod updates may not add or remove containers")}
	}
	if len(p.Spec.InitContainers) != len(old.Spec.InitContainers) {
		return field.ErrorList{field.Forbidden(spec.Child("initContainers"), "pod updates may not add or remove containers")}
	}
	var errs field.ErrorList
	if d, was := p.Spec.ActiveDeadlineSeconds, old.Spec.ActiveDeadlineSeconds; was != nil {
		switch {
		case d == nil:
			errs = append(errs, field.Invalid(spec.Child("activeDeadlineSeconds"), d, "must not update from a positive integer to nil value"))
		case *d > *was:
			errs = append(errs, field.Invalid(spec.Child("activeDeadlineSeconds"), *d, "must be less than or equal to previous value"))
		}
	}
	if !onlyAdded(p.Spec.Tolerations, old.Spec.Tolerations) {
		errs = append(errs, field.Forbidden(spec.Child("tolerations"), "existing toleration can not be modified except its tolerationSeconds"))
	}
	masked := p.Spec.DeepCopy()
	masked.ActiveDeadlineSeconds, masked.Tolerations = old.Spec.ActiveDeadlineSeconds, old.Spec.Tolerations
	masked.EphemeralContainers = old.Spec.EphemeralContainers
	if old.Spec.NodeName == "" {
		masked.NodeName = ""
	}
	if len(masked.SchedulingGates) < len(old.Spec.SchedulingGates) {
		masked.SchedulingGates = old.Spec.SchedulingGates
	}
	maskImages(masked.Containers, old.Spec.Containers)
	maskImages(masked.InitContainers, old.Spec.InitContainers)
	if !apiequality.Semantic.DeepEqual(masked, &old.Spec) {
		errs = append(errs, field.Forbidden(spec, mutableInPods+"\n"+diff.Diff(*masked, old.Spec)))
	}
	return errs
}

func maskImages(list, old []corev1.Container) {
	for i := range list {
		list[i].Image = old[i].Image
	}
}

// onlyAdded tells whether all old tolerations are still there. How long a taint
// is tolerated may change.
func onlyAdded(list, old []corev1.Toleration) bool {
	for _, o := range old {
		found := false
		for _, t := range list {
			t.TolerationSeconds, o.TolerationSeconds = nil, nil
			found = found || t == o
		}
		if !found {
			return false
		}
	}
	return true
}
