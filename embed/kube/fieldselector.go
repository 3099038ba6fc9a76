package kube

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"koflab/embed/kube/store"
)

// selection is a label selector and a field selector.
type selection struct {
	labels labels.Selector // nil is everything
	fields fields.Selector // nil is everything
	name   string          // exact metadata.name, or ""
	of     func(*store.Object) fields.Set
}

func (f *selection) matches(o *store.Object) bool {
	if f.name != "" && f.name != o.Name {
		return false
	}
	if f.labels != nil && !f.labels.Matches(labels.Set(o.Labels)) {
		return false
	}
	return f.fields == nil || f.fields.Matches(f.of(o))
}

func (f *selection) everything() bool { return f.name == "" && f.labels == nil && f.fields == nil }

// selection reads the selectors of a list, watch or deletecollection.
func (q *request) selection() (*selection, error) {
	f := &selection{name: q.name}
	if text := q.query.Get("labelSelector"); text != "" {
		sel, err := labels.Parse(text)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		f.labels = sel
	}
	text := q.query.Get("fieldSelector")
	if text == "" {
		return f, nil
	}
	sel, err := fields.ParseSelector(text)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	known := knownFields(q.res, q.version)
	var rest []fields.Selector
	for _, r := range sel.Requirements() {
		if !slices.Contains(known, r.Field) {
			return nil, apierrors.NewBadRequest(unknownField(q.res, r.Field))
		}
		if r.Field == "metadata.name" && f.name == "" && (r.Operator == "=" || r.Operator == "==") {
			f.name = r.Value
			continue
		}
		if one, err := fields.ParseSelector(r.Field + string(r.Operator) + fields.EscapeValue(r.Value)); err == nil {
			rest = append(rest, one)
		}
	}
	if len(rest) > 0 {
		f.fields = fields.AndSelectors(rest...)
		f.of = fieldReader(q.res, q.version)
	}
	return f, nil
}

func unknownField(r *resource, name string) string {
	if r.custom == nil && builtinFields[r.gr()] != nil {
		return "field label not supported: " + name
	}
	return fmt.Sprintf("%q is not a known field selector: only %q, %q", name, "metadata.name", "metadata.namespace")
}

func knownFields(r *resource, version string) []string {
	out := []string{"metadata.name", "metadata.namespace"}
	if r.custom != nil {
		for _, f := range r.custom.version(version).selectable {
			out = append(out, strings.TrimPrefix(f.JSONPath, "."))
		}
		return out
	}
	return append(out, builtinFields[r.gr()]...)
}

// builtinFields are what can be selected by beside name and namespace.
var builtinFields = map[schema.GroupResource][]string{
	podsGR: {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
		"status.phase", "status.podIP", "status.nominatedNodeName"},
	eventsGR: {"involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
		"involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
		"reportingComponent", "source", "type"},
	{Group: "events.k8s.io", Resource: "events"}: {"reason", "regarding.kind", "regarding.namespace", "regarding.name",
		"regarding.uid", "regarding.apiVersion", "regarding.resourceVersion", "regarding.fieldPath", "reportingController", "type"},
	{Resource: "secrets"}:                    {"type"},
	namespacesGR:                             {"status.phase"},
	{Resource: "nodes"}:                      {"spec.unschedulable"},
	servicesGR:                               {"spec.clusterIP", "spec.type"},
	{Resource: "replicationcontrollers"}:     {"status.replicas"},
	{Group: "apps", Resource: "replicasets"}: {"status.replicas"},
	{Group: "batch", Resource: "jobs"}:       {"status.successful"},
	{Group: "certificates.k8s.io", Resource: "certificatesigningrequests"}: {"spec.signerName"},
}

// fieldReader returns what reads the selectable fields of an object. Pods and
// Events, of which there are thousands, are read without decoding all of them.
func fieldReader(r *resource, version string) func(*store.Object) fields.Set {
	switch r.gr().Resource {
	case "pods":
		return podFields
	case "events":
		if r.custom == nil {
			return eventFields
		}
	}
	known := knownFields(r, version)
	return func(o *store.Object) fields.Set {
		set := nameFields(o)
		var tree map[string]any
		if utiljson.Unmarshal(o.JSON, &tree) != nil {
			return set
		}
		for _, f := range known[2:] {
			path := f
			if f == "status.successful" {
				path = "status.succeeded"
			}
			v, _, _ := unstructured.NestedFieldNoCopy(tree, strings.Split(path, ".")...)
			switch v := v.(type) {
			case nil:
				set[f] = zeroField(f)
			case string:
				set[f] = v
			default:
				set[f] = fmt.Sprint(v)
			}
		}
		return set
	}
}

// zeroField is how a field reads that its object leaves out.
func zeroField(f string) string {
	switch f {
	case "status.replicas", "status.successful":
		return "0"
	case "spec.unschedulable":
		return "false"
	}
	return ""
}

func nameFields(o *store.Object) fields.Set {
	return fields.Set{"metadata.name": o.Name, "metadata.namespace": o.Namespace}
}

func podFields(o *store.Object) fields.Set {
	var p struct {
		Spec struct {
			NodeName, RestartPolicy, SchedulerName, ServiceAccountName string
			HostNetwork                                                bool
		}
		Status struct{ Phase, PodIP, NominatedNodeName string }
	}
	set := nameFields(o)
	if json.Unmarshal(o.JSON, &p) != nil {
		return set
	}
	set["spec.nodeName"], set["spec.restartPolicy"] = p.Spec.NodeName, p.Spec.RestartPolicy
	set["spec.schedulerName"], set["spec.serviceAccountName"] = p.Spec.SchedulerName, p.Spec.ServiceAccountName
	set["spec.hostNetwork"] = strconv.FormatBool(p.Spec.HostNetwork)
	set["status.phase"], set["status.podIP"], set["status.nominatedNodeName"] = p.Status.Phase, p.Status.PodIP, p.Status.NominatedNodeName
	return set
}

func eventFields(o *store.Object) fields.Set {
	var e corev1.Event
	set := nameFields(o)
	if json.Unmarshal(o.JSON, &e) != nil {
		return set
	}
	for _, prefix := range []string{"involvedObject.", "regarding."} {
		r := e.InvolvedObject
		set[prefix+"kind"], set[prefix+"namespace"], set[prefix+"name"] = r.Kind, r.Namespace, r.Name
		set[prefix+"uid"], set[prefix+"apiVersion"] = string(r.UID), r.APIVersion
		set[prefix+"resourceVersion"], set[prefix+"fieldPath"] = r.ResourceVersion, r.FieldPath
	}
	set["reason"], set["type"] = e.Reason, e.Type
	set["source"], set["reportingComponent"], set["reportingController"] = e.Source.Component, e.ReportingController, e.ReportingController
	if e.Source.Component == "" {
		set["source"] = e.ReportingController
	}
	return set
}
