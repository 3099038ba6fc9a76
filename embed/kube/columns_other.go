package kube

import (
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/duration"
)

func rbacResource(plural string) schema.GroupResource {
	return schema.GroupResource{Group: rbacv1.GroupName, Resource: plural}
}

func storageResource(plural string) schema.GroupResource {
	return schema.GroupResource{Group: storagev1.GroupName, Resource: plural}
}

func admissionResource(plural string) schema.GroupResource {
	return schema.GroupResource{Group: admissionv1.GroupName, Resource: plural}
}

var (
	bindingColumns = []metav1.TableColumnDefinition{
		nameColumn, text("Role", "The role that is given."), ageColumn, wide("Users", "Users that get it."),
		wide("Groups", "Groups that get it."), wide("ServiceAccounts", "Service accounts that get it."),
	}
	webhooksColumn = integer("Webhooks", "The number of webhooks.")
)

// otherSheets shows access, storage, admission and what is left.
var otherSheets = map[schema.GroupResource]sheet{
	rbacResource("roles"):        createdSheet,
	rbacResource("clusterroles"): createdSheet,
	rbacResource("rolebindings"): sheetOf(func(b *rbacv1.RoleBinding, at moment) []any {
		return bindingCells(b.Name, b.RoleRef, b.Subjects, at.since(b.CreationTimestamp))
	}, bindingColumns...),
	rbacResource("clusterrolebindings"): sheetOf(func(b *rbacv1.ClusterRoleBinding, at moment) []any {
		return bindingCells(b.Name, b.RoleRef, b.Subjects, at.since(b.CreationTimestamp))
	}, bindingColumns...),

	storageResource("storageclasses"): sheetOf(storageClassCells, nameColumn,
		text("Provisioner", "Who makes volumes."),
		text("ReclaimPolicy", "What becomes of volumes whose claims go."),
		text("VolumeBindingMode", "When claims are bound."),
		text("AllowVolumeExpansion", "Whether claims may grow."), ageColumn),
	storageResource("volumeattachments"): sheetOf(func(a *storagev1.VolumeAttachment, at moment) []any {
		return []any{
			a.Name, a.Spec.Attacher, value(a.Spec.Source.PersistentVolumeName, ""), a.Spec.NodeName,
			a.Status.Attached, at.since(a.CreationTimestamp),
		}
	}, nameColumn, text("Attacher", "The driver that attaches."), text("PV", "The volume."), text("Node", "The node."),
		boolean("Attached", "Whether it is attached."), ageColumn),
	storageResource("csinodes"): sheetOf(func(n *storagev1.CSINode, at moment) []any {
		return []any{n.Name, int64(len(n.Spec.Drivers)), at.since(n.CreationTimestamp)}
	}, nameColumn, integer("Drivers", "The number of drivers on the node."), ageColumn),
	storageResource("csidrivers"): sheetOf(driverCells, nameColumn,
		boolean("AttachRequired", "Whether volumes have to be attached."),
		boolean("PodInfoOnMount", "Whether the driver is told of pods."),
		boolean("StorageCapacity", "Whether capacity is tracked."),
		text("TokenRequests", "Audiences of the tokens that the driver gets."),
		boolean("RequiresRepublish", "Whether volumes are published again and again."),
		text("Modes", "How long volumes live."), ageColumn),

	admissionResource("mutatingwebhookconfigurations"): sheetOf(func(c *admissionv1.MutatingWebhookConfiguration, at moment) []any {
		return []any{c.Name, int64(len(c.Webhooks)), at.since(c.CreationTimestamp)}
	}, nameColumn, webhooksColumn, ageColumn),
	admissionResource("validatingwebhookconfigurations"): sheetOf(func(c *admissionv1.ValidatingWebhookConfiguration, at moment) []any {
		return []any{c.Name, int64(len(c.Webhooks)), at.since(c.CreationTimestamp)}
	}, nameColumn, webhooksColumn, ageColumn),
	admissionResource("validatingadmissionpolicies"): sheetOf(func(p *admissionv1.ValidatingAdmissionPolicy, at moment) []any {
		kind := "<unset>"
		if k := p.Spec.ParamKind; k != nil {
			kind = k.APIVersion + "/" + k.Kind
		}
		return []any{p.Name, int64(len(p.Spec.Validations)), kind, at.since(p.CreationTimestamp)}
	}, nameColumn, integer("Validations", "The number of rules."), text("ParamKind", "The kind of parameters."), ageColumn),
	admissionResource("validatingadmissionpolicybindings"): sheetOf(policyBindingCells, nameColumn,
		text("PolicyName", "The policy that is bound."), text("ParamRef", "Its parameters."), ageColumn),

	{Group: coordinationv1.GroupName, Resource: "leases"}: sheetOf(func(l *coordinationv1.Lease, at moment) []any {
		return []any{l.Name, value(l.Spec.HolderIdentity, ""), at.since(l.CreationTimestamp)}
	}, nameColumn, text("Holder", "Who holds the lease."), ageColumn),
	{Group: schedulingv1.GroupName, Resource: "priorityclasses"}: sheetOf(func(c *schedulingv1.PriorityClass, at moment) []any {
		return []any{
			c.Name, int64(c.Value), c.GlobalDefault, at.since(c.CreationTimestamp),
			string(value(c.PreemptionPolicy, corev1.PreemptLowerPriority)),
		}
	}, nameColumn, integer("Value", "The priority."), boolean("Global-Default", "Whether pods get it by default."), ageColumn,
		text("PreemptionPolicy", "Whether pods may displace others.")),
	{Group: nodev1.GroupName, Resource: "runtimeclasses"}: sheetOf(func(c *nodev1.RuntimeClass, at moment) []any {
		return []any{c.Name, c.Handler, at.since(c.CreationTimestamp)}
	}, nameColumn, text("Handler", "The runtime's name on nodes."), ageColumn),
	{Group: certificatesv1.GroupName, Resource: "certificatesigningrequests"}: sheetOf(signingCells, nameColumn, ageColumn,
		text("SignerName", "Who is asked to sign."),
		text("Requestor", "Who asks."),
		text("RequestedDuration", "For how long."),
		text("Condition", "What has been decided.")),
	crdsGR: createdSheet,
	{Group: "apiregistration.k8s.io", Resource: "apiservices"}: {
		columns: []metav1.TableColumnDefinition{
			nameColumn, text("Service", "The service that serves the group."), text("Available", "Whether it does."), ageColumn,
		},
		cells: apiServiceCells,
	},
}

func bindingCells(name string, role rbacv1.RoleRef, subjects []rbacv1.Subject, age string) []any {
	var users, groups, accounts []string
	for _, s := range subjects {
		switch s.Kind {
		case rbacv1.UserKind:
			users = append(users, s.Name)
		case rbacv1.GroupKind:
			groups = append(groups, s.Name)
		case rbacv1.ServiceAccountKind:
			accounts = append(accounts, s.Namespace+"/"+s.Name)
		}
	}
	return []any{
		name, role.Kind + "/" + role.Name, age,
		strings.Join(users, ", "), strings.Join(groups, ", "), strings.Join(accounts, ", "),
	}
}

func storageClassCells(c *storagev1.StorageClass, at moment) []any {
	name := c.Name
	for _, a := range []string{"storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"} {
		if c.Annotations[a] == "true" {
			name = c.Name + " (default)"
		}
	}
	return []any{
		name, c.Provisioner, string(value(c.ReclaimPolicy, corev1.PersistentVolumeReclaimDelete)),
		string(value(c.VolumeBindingMode, storagev1.VolumeBindingImmediate)), value(c.AllowVolumeExpansion, false),
		at.since(c.CreationTimestamp),
	}
}

func driverCells(d *storagev1.CSIDriver, at moment) []any {
	tokens := "<unset>"
	if d.Spec.TokenRequests != nil {
		var to []string
		for _, t := range d.Spec.TokenRequests {
			to = append(to, t.Audience)
		}
		tokens = strings.Join(to, ",")
	}
	var modes []string
	for _, m := range d.Spec.VolumeLifecycleModes {
		modes = append(modes, string(m))
	}
	return []any{
		d.Name, value(d.Spec.AttachRequired, true), value(d.Spec.PodInfoOnMount, false), value(d.Spec.StorageCapacity, false),
		tokens, value(d.Spec.RequiresRepublish, false), orNone(strings.Join(modes, ",")), at.since(d.CreationTimestamp),
	}
}

func policyBindingCells(b *admissionv1.ValidatingAdmissionPolicyBinding, at moment) []any {
	params := "<unset>"
	if p := b.Spec.ParamRef; p != nil {
		switch {
		case p.Name != "":
			params = orElse(p.Namespace, "*") + "/" + p.Name
		case p.Selector != nil:
			params = p.Selector.String()
		}
	}
	return []any{b.Name, b.Spec.PolicyName, params, at.since(b.CreationTimestamp)}
}

func signingCells(r *certificatesv1.CertificateSigningRequest, at moment) []any {
	is := map[certificatesv1.RequestConditionType]bool{}
	for _, c := range r.Status.Conditions {
		is[c.Type] = true
	}
	state := "Pending"
	if is[certificatesv1.CertificateApproved] {
		state = "Approved"
	}
	if is[certificatesv1.CertificateDenied] {
		state = "Denied"
	}
	if is[certificatesv1.CertificateFailed] {
		state += ",Failed"
	}
	if len(r.Status.Certificate) > 0 {
		state += ",Issued"
	}
	lasts := "<none>"
	if r.Spec.ExpirationSeconds != nil {
		lasts = duration.HumanDuration(time.Duration(*r.Spec.ExpirationSeconds) * time.Second)
	}
	return []any{r.Name, at.since(r.CreationTimestamp), orNone(r.Spec.SignerName), r.Spec.Username, lasts, state}
}

// apiServiceCells reads a tree: client-go has no type for API services.
func apiServiceCells(obj runtime.Object, at moment) []any {
	m := metaOf(obj)
	service, available := "Local", "Unknown"
	if u, ok := obj.(*unstructured.Unstructured); ok {
		if name, _, _ := unstructured.NestedString(u.Object, "spec", "service", "name"); name != "" {
			ns, _, _ := unstructured.NestedString(u.Object, "spec", "service", "namespace")
			service = ns + "/" + name
		}
		conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
		for _, c := range conditions {
			if c, ok := c.(map[string]any); ok && c["type"] == "Available" {
				available, _ = c["status"].(string)
				if reason, _ := c["reason"].(string); available != "True" && reason != "" {
					available += " (" + reason + ")"
				}
			}
		}
	}
	return []any{m.GetName(), service, available, at.since(m.GetCreationTimestamp())}
}
