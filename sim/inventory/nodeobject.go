package inventory

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const controlPlaneLabel = "node-role.kubernetes.io/control-plane"

// What a Node object says beside what Kubernetes knows of nodes.
const (
	AnnotationCPUPrice = "koflab.dev/cpu-hourly-price" // US dollars per core
	AnnotationRAMPrice = "koflab.dev/ram-hourly-price" // US dollars per GiB
	AnnotationSpot     = "koflab.dev/spot"             // "true"
	AnnotationBooted   = "koflab.dev/booted"           // RFC 3339
)

// Object returns the node as Kubernetes shows it, with its status.
func (n *Node) Object() *corev1.Node {
	o := &corev1.Node{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{
			Name: n.Name, UID: types.UID(n.UID),
			Labels: map[string]string{
				corev1.LabelHostname: n.Name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: n.Arch,
				corev1.LabelInstanceTypeStable: n.InstanceType,
				corev1.LabelTopologyRegion:     labelValue(n.Region), corev1.LabelTopologyZone: labelValue(n.Zone),
			},
			Annotations: map[string]string{
				AnnotationCPUPrice: formatPrice(n.CPUPrice), AnnotationRAMPrice: formatPrice(n.RAMPrice),
				AnnotationBooted: n.Booted.UTC().Format(time.RFC3339),
			},
		},
		Spec: corev1.NodeSpec{
			ProviderID: n.ProviderID, PodCIDR: n.PodCIDR, PodCIDRs: []string{n.PodCIDR}, Unschedulable: n.Unschedulable,
		},
		Status: corev1.NodeStatus{
			Capacity:    resourceList(Resources{float64(n.Cores), n.Memory}, n.Disk),
			Allocatable: resourceList(n.Allocatable(), n.Disk/10*9),
			Addresses:   []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: n.IP}, {Type: corev1.NodeHostName, Address: n.Name}},
			NodeInfo: corev1.NodeSystemInfo{
				SystemUUID: n.SystemUUID, MachineID: strings.ReplaceAll(n.SystemUUID, "-", ""), KernelVersion: n.Kernel,
				OSImage: n.OSImage, ContainerRuntimeVersion: n.Runtime, KubeletVersion: n.Kubelet, KubeProxyVersion: n.Kubelet,
				OperatingSystem: "linux", Architecture: n.Arch,
			},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: 10250}},
		},
	}
	if n.ControlPlane {
		o.Labels[controlPlaneLabel] = "true"
	}
	if n.Spot {
		o.Annotations[AnnotationSpot] = "true"
	}
	for _, t := range n.Taints {
		o.Spec.Taints = append(o.Spec.Taints, corev1.Taint{Key: t.Key, Value: t.Value, Effect: corev1.TaintEffect(t.Effect)})
	}
	for _, c := range n.Conditions {
		if c.Status == "" {
			continue
		}
		status := corev1.ConditionStatus(strings.ToUpper(c.Status[:1]) + c.Status[1:])
		at := metav1.NewTime(n.Booted.UTC().Truncate(time.Second))
		o.Status.Conditions = append(o.Status.Conditions, corev1.NodeCondition{
			Type: corev1.NodeConditionType(c.Type), Status: status, Reason: conditionReason(c),
			LastHeartbeatTime: at, LastTransitionTime: at,
		})
	}
	return o
}

// conditionReasons are the kubelet's words for a healthy node.
var conditionReasons = map[string]string{
	"Ready": "KubeletReady", "MemoryPressure": "KubeletHasSufficientMemory",
	"DiskPressure": "KubeletHasNoDiskPressure", "PIDPressure": "KubeletHasSufficientPID",
}

func conditionReason(c Condition) string {
	reason := conditionReasons[c.Type]
	if (c.Type == "Ready") == (c.Status == "true") && reason != "" {
		return reason
	}
	return "Kubelet" + c.Type + strings.ToUpper(c.Status[:1]) + c.Status[1:]
}

func resourceList(r Resources, disk int64) corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewMilliQuantity(int64(r.CPU*1000+0.5), resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(r.Memory, resource.BinarySI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(disk, resource.BinarySI),
		corev1.ResourcePods:             *resource.NewQuantity(MaxPods, resource.DecimalSI),
	}
}

// labelValue replaces what a label value may not hold: locations are free text.
func labelValue(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '-'
	}, s)
	return strings.Trim(s[:min(len(s), 63)], "-_.")
}

func formatPrice(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// Sizes of a node that does not say its own.
const (
	fallbackCores  = 2
	fallbackMemory = 8 << 30
	fallbackDisk   = 64 << 30
)

// NodeOf reads a node from its object. One that the lab did not make has OpenCost's
// default prices and has run since it was created.
func NodeOf(o *corev1.Node) *Node {
	info := o.Status.NodeInfo
	_, control := o.Labels[controlPlaneLabel]
	n := &Node{
		Name: o.Name, UID: string(o.UID), ControlPlane: control,
		Cores:        int(o.Status.Capacity.Cpu().Value()),
		Memory:       o.Status.Capacity.Memory().Value(),
		Disk:         o.Status.Capacity.StorageEphemeral().Value(),
		InstanceType: o.Labels[corev1.LabelInstanceTypeStable],
		Region:       o.Labels[corev1.LabelTopologyRegion], Zone: o.Labels[corev1.LabelTopologyZone],
		ProviderID: o.Spec.ProviderID, PodCIDR: o.Spec.PodCIDR, Unschedulable: o.Spec.Unschedulable,
		Arch: cmp.Or(info.Architecture, o.Labels[corev1.LabelArchStable], "amd64"), OSImage: info.OSImage,
		Kernel: info.KernelVersion, Kubelet: info.KubeletVersion, Runtime: info.ContainerRuntimeVersion, SystemUUID: info.SystemUUID,
		Spot:     o.Annotations[AnnotationSpot] == "true",
		CPUPrice: price(o, AnnotationCPUPrice, defaultCPUPrice), RAMPrice: price(o, AnnotationRAMPrice, defaultRAMPrice),
		Booted: o.CreationTimestamp.UTC(),
	}
	for _, a := range o.Status.Addresses {
		if a.Type == corev1.NodeInternalIP && n.IP == "" {
			n.IP = a.Address
		}
	}
	if n.Cores < 1 {
		n.Cores = fallbackCores
	}
	if n.Memory < 1<<30 {
		n.Memory = fallbackMemory
	}
	if n.Disk < 1<<30 {
		n.Disk = fallbackDisk
	}
	if t, err := time.Parse(time.RFC3339, o.Annotations[AnnotationBooted]); err == nil {
		n.Booted = t.UTC()
	}
	for _, t := range o.Spec.Taints {
		n.Taints = append(n.Taints, Taint{t.Key, t.Value, string(t.Effect)})
	}
	for _, c := range o.Status.Conditions {
		n.Conditions = append(n.Conditions, Condition{string(c.Type), strings.ToLower(string(c.Status))})
	}
	return n
}

func price(o *corev1.Node, annotation string, fallback float64) float64 {
	if v, err := strconv.ParseFloat(o.Annotations[annotation], 64); err == nil && v >= 0 && v < 1e6 {
		return v
	}
	return fallback
}

// sortNodes puts the control plane first.
func sortNodes(nodes []*Node) {
	slices.SortFunc(nodes, func(a, b *Node) int {
		if a.ControlPlane != b.ControlPlane {
			if a.ControlPlane {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Name, b.Name)
	})
}
