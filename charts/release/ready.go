package release

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// verdict is what an object's status says about it.
type verdict struct {
	ready bool
	// failed means that waiting longer cannot help.
	failed bool
	why    string
}

var isReady = verdict{ready: true}

func notYet(format string, args ...any) verdict { return verdict{why: fmt.Sprintf(format, args...)} }
func hopeless(format string, args ...any) verdict {
	return verdict{failed: true, why: fmt.Sprintf(format, args...)}
}

// judgement is how a kind's readiness is read.
type judgement func(*unstructured.Unstructured) verdict

var judgements = map[schema.GroupKind]judgement{
	{Group: "apps", Kind: "Deployment"}:                               deployment,
	{Group: "apps", Kind: "StatefulSet"}:                              statefulSet,
	{Group: "apps", Kind: "DaemonSet"}:                                daemonSet,
	{Group: "apps", Kind: "ReplicaSet"}:                               replicaSet,
	{Group: "", Kind: "ReplicationController"}:                        replicaSet,
	{Group: "batch", Kind: "Job"}:                                     job,
	{Group: "", Kind: "Pod"}:                                          pod,
	{Group: "", Kind: "PersistentVolumeClaim"}:                        claim,
	{Group: "", Kind: "Service"}:                                      service,
	{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}: crd,
	{Group: "apiregistration.k8s.io", Kind: "APIService"}:             apiService,
}

// elsewhere are groups whose objects become ready when other clusters are.
// Waiting for them would make a cluster's release depend on the clusters that
// can only come after it.
var elsewhere = []string{"k0rdent.mirantis.com", "projectsveltos.io", "toolkit.fluxcd.io"}

// waitAnnotation set to "false" on an object excludes it from the wait.
const waitAnnotation = "koflab.dev/wait"

// judgementFor returns nil for objects that are ready once they exist.
func judgementFor(u *unstructured.Unstructured) judgement {
	if u.GetAnnotations()[waitAnnotation] == "false" {
		return nil
	}
	gvk := u.GroupVersionKind()
	if j, ok := judgements[gvk.GroupKind()]; ok {
		return j
	}
	if scheme.Scheme.Recognizes(gvk) {
		return nil
	}
	for _, g := range elsewhere {
		if gvk.Group == g || strings.HasSuffix(gvk.Group, "."+g) {
			return nil
		}
	}
	return custom
}

func number(u *unstructured.Unstructured, otherwise int64, path ...string) int64 {
	v, found, err := unstructured.NestedFieldNoCopy(u.Object, path...)
	if err != nil || !found {
		return otherwise
	}
	switch n := v.(type) {
	case int64:
		return n
	case float64:
		return int64(n)
	}
	return otherwise
}

func text(u *unstructured.Unstructured, path ...string) string {
	s, _, _ := unstructured.NestedString(u.Object, path...)
	return s
}

// condition returns one entry of status.conditions.
func condition(u *unstructured.Unstructured, kind string) (status, reason, message string) {
	v, _, _ := unstructured.NestedFieldNoCopy(u.Object, "status", "conditions")
	list, _ := v.([]any)
	for _, c := range list {
		c, _ := c.(map[string]any)
		if c["type"] == kind {
			status, _ = c["status"].(string)
			reason, _ = c["reason"].(string)
			message, _ = c["message"].(string)
			return status, reason, message
		}
	}
	return "", "", ""
}

// observed tells whether a controller has seen the object's present form.
func observed(u *unstructured.Unstructured) bool {
	return number(u, 0, "status", "observedGeneration") >= u.GetGeneration()
}

var unseen = notYet("its controller has not seen it yet")

func deployment(u *unstructured.Unstructured) verdict {
	if paused, _, _ := unstructured.NestedBool(u.Object, "spec", "paused"); paused {
		return isReady
	}
	if !observed(u) {
		return unseen
	}
	want := number(u, 1, "spec", "replicas")
	updated := number(u, 0, "status", "updatedReplicas")
	all := number(u, 0, "status", "replicas")
	available := number(u, 0, "status", "availableReplicas")
	var v verdict
	switch {
	case updated < want:
		v = notYet("%d of %d replicas are up to date", updated, want)
	case all > updated:
		v = notYet("%d old replicas are still there", all-updated)
	case available < want:
		v = notYet("%d of %d replicas are available", available, want)
	default:
		return isReady
	}
	if s, reason, message := condition(u, "ReplicaFailure"); s == "True" {
		v.why += fmt.Sprintf("; %s: %s", reason, message)
	}
	return v
}

func statefulSet(u *unstructured.Unstructured) verdict {
	if text(u, "spec", "updateStrategy", "type") == "OnDelete" {
		return isReady
	}
	if !observed(u) {
		return unseen
	}
	want := number(u, 1, "spec", "replicas")
	partition := number(u, 0, "spec", "updateStrategy", "rollingUpdate", "partition")
	updated := number(u, 0, "status", "updatedReplicas")
	ready := number(u, 0, "status", "readyReplicas")
	switch {
	case ready < want:
		return notYet("%d of %d replicas are ready", ready, want)
	case updated < want-partition:
		return notYet("%d of %d replicas are up to date", updated, want-partition)
	}
	return isReady
}

func daemonSet(u *unstructured.Unstructured) verdict {
	if text(u, "spec", "updateStrategy", "type") == "OnDelete" {
		return isReady
	}
	if !observed(u) {
		return unseen
	}
	want := number(u, 0, "status", "desiredNumberScheduled")
	updated := number(u, 0, "status", "updatedNumberScheduled")
	ready := number(u, 0, "status", "numberReady")
	switch {
	case updated < want:
		return notYet("%d of %d pods are up to date", updated, want)
	case ready < want:
		return notYet("%d of %d pods are ready", ready, want)
	}
	return isReady
}

func replicaSet(u *unstructured.Unstructured) verdict {
	if !observed(u) {
		return unseen
	}
	want, ready := number(u, 1, "spec", "replicas"), number(u, 0, "status", "readyReplicas")
	if ready < want {
		return notYet("%d of %d replicas are ready", ready, want)
	}
	return isReady
}

func job(u *unstructured.Unstructured) verdict {
	if s, _, _ := condition(u, "Complete"); s == "True" {
		return isReady
	}
	if s, reason, message := condition(u, "Failed"); s == "True" {
		return hopeless("the job failed: %s: %s", reason, message)
	}
	if suspended, _, _ := unstructured.NestedBool(u.Object, "spec", "suspend"); suspended {
		return isReady
	}
	return notYet("%d of %d completions, %d failed", number(u, 0, "status", "succeeded"),
		number(u, 1, "spec", "completions"), number(u, 0, "status", "failed"))
}

func pod(u *unstructured.Unstructured) verdict {
	switch text(u, "status", "phase") {
	case "Succeeded":
		return isReady
	case "Failed":
		return hopeless("the pod failed: %s", orElse(text(u, "status", "message"), text(u, "status", "reason")))
	}
	if s, _, _ := condition(u, "Ready"); s == "True" {
		return isReady
	}
	return notYet("phase %s", orElse(text(u, "status", "phase"), "unknown"))
}

func claim(u *unstructured.Unstructured) verdict {
	switch phase := text(u, "status", "phase"); phase {
	case "Bound":
		return isReady
	case "Lost":
		return hopeless("its volume is lost")
	default:
		return notYet("phase %s", orElse(phase, "unknown"))
	}
}

func service(u *unstructured.Unstructured) verdict {
	if text(u, "spec", "type") != "LoadBalancer" {
		return isReady
	}
	if ips, _, _ := unstructured.NestedSlice(u.Object, "spec", "externalIPs"); len(ips) > 0 {
		return isReady
	}
	if in, _, _ := unstructured.NestedSlice(u.Object, "status", "loadBalancer", "ingress"); len(in) > 0 {
		return isReady
	}
	return notYet("the load balancer has no address yet")
}

func crd(u *unstructured.Unstructured) verdict {
	if s, reason, message := condition(u, "NamesAccepted"); s == "False" {
		return hopeless("its names are not accepted: %s: %s", reason, message)
	}
	if s, _, _ := condition(u, "Established"); s == "True" {
		return isReady
	}
	return notYet("it is not established")
}

func apiService(u *unstructured.Unstructured) verdict {
	s, reason, message := condition(u, "Available")
	if s == "True" {
		return isReady
	}
	return notYet("not available: %s", orElse(message, reason))
}

// custom reads the condition most operators set. An object without one is
// ready: not every kind has something to become.
func custom(u *unstructured.Unstructured) verdict {
	for _, kind := range []string{"Ready", "Available"} {
		switch s, reason, message := condition(u, kind); s {
		case "":
			continue
		case "True":
			if o := number(u, 0, "status", "observedGeneration"); o > 0 && o < u.GetGeneration() {
				return unseen
			}
			return isReady
		default:
			return notYet("condition %s is %s: %s", kind, s, orElse(message, reason))
		}
	}
	return isReady
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// completed is readiness of what a hook runs to its end.
func completed(u *unstructured.Unstructured) verdict {
	if u.GetKind() != "Pod" {
		return job(u)
	}
	switch phase := text(u, "status", "phase"); phase {
	case "Succeeded":
		return isReady
	case "Failed":
		return pod(u)
	default:
		return notYet("phase %s", orElse(phase, "unknown"))
	}
}
