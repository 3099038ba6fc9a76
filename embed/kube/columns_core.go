package kube

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func coreResource(plural string) schema.GroupResource { return schema.GroupResource{Resource: plural} }

// coreSheets shows the core group.
var coreSheets = map[schema.GroupResource]sheet{
	podsGR: podSheet,
	coreResource("nodes"): sheetOf(nodeCells, nameColumn,
		text("Status", "Whether the node is ready, and takes pods."),
		text("Roles", "The node's roles, from its labels."),
		ageColumn,
		text("Version", "The kubelet's version."),
		wide("Internal-IP", "The node's address inside the cluster."),
		wide("External-IP", "The node's address from outside."),
		wide("OS-Image", "The operating system."),
		wide("Kernel-Version", "The kernel."),
		wide("Container-Runtime", "The container runtime and its version.")),
	namespacesGR: sheetOf(func(n *corev1.Namespace, at moment) []any {
		return []any{n.Name, string(n.Status.Phase), at.since(n.CreationTimestamp)}
	}, nameColumn, text("Status", "Whether the namespace is active."), ageColumn),
	coreResource("configmaps"): sheetOf(func(c *corev1.ConfigMap, at moment) []any {
		return []any{c.Name, int64(len(c.Data) + len(c.BinaryData)), at.since(c.CreationTimestamp)}
	}, nameColumn, text("Data", "The number of keys."), ageColumn),
	coreResource("secrets"): sheetOf(func(x *corev1.Secret, at moment) []any {
		return []any{x.Name, string(x.Type), int64(len(x.Data)), at.since(x.CreationTimestamp)}
	}, nameColumn, text("Type", "What the secret is for."), text("Data", "The number of keys."), ageColumn),
	coreResource("serviceaccounts"): sheetOf(func(a *corev1.ServiceAccount, at moment) []any {
		return []any{a.Name, int64(len(a.Secrets)), at.since(a.CreationTimestamp)}
	}, nameColumn, text("Secrets", "The number of secrets that the account may use."), ageColumn),
	coreResource("persistentvolumes"): sheetOf(volumeCells, nameColumn,
		text("Capacity", "The volume's size."),
		text("Access Modes", "How the volume can be mounted."),
		text("Reclaim Policy", "What becomes of the volume when its claim goes."),
		text("Status", "Whether the volume is bound."),
		text("Claim", "The claim that the volume is bound to."),
		text("StorageClass", "The volume's storage class."),
		text("VolumeAttributesClass", "The volume's attributes class."),
		text("Reason", "Why the volume is in its state."),
		ageColumn,
		wide("VolumeMode", "Filesystem or Block.")),
	coreResource("persistentvolumeclaims"): sheetOf(claimCells, nameColumn,
		text("Status", "Whether the claim is bound."),
		text("Volume", "The volume that the claim is bound to."),
		text("Capacity", "The volume's size."),
		text("Access Modes", "How the volume can be mounted."),
		text("StorageClass", "The claim's storage class."),
		text("VolumeAttributesClass", "The claim's attributes class."),
		ageColumn,
		wide("VolumeMode", "Filesystem or Block.")),
	eventsGR: sheetOf(eventCells,
		text("Last Seen", "When it was last seen."),
		text("Type", "Normal or Warning."),
		text("Reason", "What happened, in one word."),
		text("Object", "What it happened to."),
		wide("Subobject", "The part of the object."),
		wide("Source", "Who says so."),
		text("Message", "What happened."),
		wide("First Seen", "When it was first seen."),
		wide("Count", "How often it was seen."),
		eventName),
	coreResource("resourcequotas"): sheetOf(quotaCells, nameColumn,
		text("Request", "Used and allowed requests and counts."),
		text("Limit", "Used and allowed limits."),
		ageColumn),
	coreResource("replicationcontrollers"): sheetOf(func(c *corev1.ReplicationController, at moment) []any {
		var containers []corev1.Container
		if c.Spec.Template != nil {
			containers = c.Spec.Template.Spec.Containers
		}
		names, images := containerCells(containers)
		return []any{
			c.Name, int64(value(c.Spec.Replicas, 0)), int64(c.Status.Replicas), int64(c.Status.ReadyReplicas),
			at.since(c.CreationTimestamp), names, images, labels.FormatLabels(c.Spec.Selector),
		}
	}, nameColumn, integer("Desired", "Pods wanted."), integer("Current", "Pods there are."),
		integer("Ready", "Pods that are ready."), ageColumn, containersColumn, imagesColumn, selectorColumn),
	coreResource("podtemplates"): sheetOf(func(t *corev1.PodTemplate, _ moment) []any {
		names, images := containerCells(t.Template.Spec.Containers)
		return []any{t.Name, names, images, labels.FormatLabels(t.Template.Labels)}
	}, nameColumn, text("Containers", "The template's containers."), text("Images", "Their images."),
		text("Pod Labels", "The template's labels.")),
	coreResource("limitranges"): createdSheet,
}

// eventName comes last, and with -o wide only: nobody knows events by name.
var eventName = func() metav1.TableColumnDefinition {
	c := nameColumn
	c.Priority = 1
	return c
}()

const roleLabel = "node-role.kubernetes.io/"

func nodeCells(n *corev1.Node, at moment) []any {
	state := "Unknown"
	for _, c := range n.Status.Conditions {
		if c.Type != corev1.NodeReady {
			continue
		}
		state = "NotReady"
		if c.Status == corev1.ConditionTrue {
			state = "Ready"
		}
	}
	if n.Spec.Unschedulable {
		state += ",SchedulingDisabled"
	}
	address := func(t corev1.NodeAddressType) string {
		for _, a := range n.Status.Addresses {
			if a.Type == t {
				return a.Address
			}
		}
		return "<none>"
	}
	i := n.Status.NodeInfo
	return []any{
		n.Name, state, orNone(strings.Join(nodeRoles(n), ",")), at.since(n.CreationTimestamp), i.KubeletVersion,
		address(corev1.NodeInternalIP), address(corev1.NodeExternalIP), orElse(i.OSImage, "<unknown>"),
		orElse(i.KernelVersion, "<unknown>"), orElse(i.ContainerRuntimeVersion, "<unknown>"),
	}
}

func nodeRoles(n *corev1.Node) []string {
	var out []string
	for k, v := range n.Labels {
		if role, ok := strings.CutPrefix(k, roleLabel); ok && role != "" {
			out = append(out, role)
		} else if k == "kubernetes.io/role" && v != "" {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func volumeCells(v *corev1.PersistentVolume, at moment) []any {
	state, claim := string(v.Status.Phase), ""
	if v.DeletionTimestamp != nil {
		state = "Terminating"
	}
	if c := v.Spec.ClaimRef; c != nil {
		claim = c.Namespace + "/" + c.Name
	}
	return []any{
		v.Name, v.Spec.Capacity.Storage().String(), accessModes(v.Spec.AccessModes),
		string(v.Spec.PersistentVolumeReclaimPolicy), state, claim,
		orElse(v.Annotations[corev1.BetaStorageClassAnnotation], v.Spec.StorageClassName),
		value(v.Spec.VolumeAttributesClassName, "<unset>"), v.Status.Reason, at.since(v.CreationTimestamp),
		string(value(v.Spec.VolumeMode, "<unset>")),
	}
}

func claimCells(c *corev1.PersistentVolumeClaim, at moment) []any {
	state, size, modes := string(c.Status.Phase), "", ""
	if c.DeletionTimestamp != nil {
		state = "Terminating"
	}
	if c.Spec.VolumeName != "" {
		size, modes = c.Status.Capacity.Storage().String(), accessModes(c.Status.AccessModes)
	}
	return []any{
		c.Name, state, c.Spec.VolumeName, size, modes,
		orElse(c.Annotations[corev1.BetaStorageClassAnnotation], value(c.Spec.StorageClassName, "")),
		value(c.Spec.VolumeAttributesClassName, "<unset>"), at.since(c.CreationTimestamp),
		string(value(c.Spec.VolumeMode, "<unset>")),
	}
}

// accessModes abbreviates access modes, in a fixed order.
func accessModes(modes []corev1.PersistentVolumeAccessMode) string {
	var out []string
	for _, m := range []struct {
		mode  corev1.PersistentVolumeAccessMode
		short string
	}{
		{corev1.ReadWriteOnce, "RWO"}, {corev1.ReadOnlyMany, "ROX"}, {corev1.ReadWriteMany, "RWX"}, {corev1.ReadWriteOncePod, "RWOP"},
	} {
		if slices.Contains(modes, m.mode) {
			out = append(out, m.short)
		}
	}
	return strings.Join(out, ",")
}

func eventCells(e *corev1.Event, at moment) []any {
	first := at.since(e.FirstTimestamp)
	if e.FirstTimestamp.IsZero() {
		first = at.sinceMicro(e.EventTime)
	}
	last, count := first, max(e.Count, 1)
	if e.Series != nil {
		last, count = at.sinceMicro(e.Series.LastObservedTime), e.Series.Count
	} else if !e.LastTimestamp.IsZero() {
		last = at.since(e.LastTimestamp)
	}
	object := strings.ToLower(e.InvolvedObject.Kind)
	if e.InvolvedObject.Name != "" {
		object += "/" + e.InvolvedObject.Name
	}
	source := orElse(e.Source.Component, e.ReportingController)
	if host := orElse(e.Source.Host, e.ReportingInstance); host != "" {
		source += ", " + host
	}
	return []any{
		last, e.Type, e.Reason, object, e.InvolvedObject.FieldPath, source, strings.TrimSpace(e.Message),
		first, int64(count), e.Name,
	}
}

func quotaCells(q *corev1.ResourceQuota, at moment) []any {
	var requests, limits []string
	for _, name := range slices.Sorted(maps.Keys(q.Status.Hard)) {
		used, hard := q.Status.Used[name], q.Status.Hard[name]
		says := string(name) + ": " + used.String() + "/" + hard.String()
		if strings.HasPrefix(string(name), "limits.") {
			limits = append(limits, says)
		} else {
			requests = append(requests, says)
		}
	}
	return []any{q.Name, strings.Join(requests, ", "), strings.Join(limits, ", "), at.since(q.CreationTimestamp)}
}
