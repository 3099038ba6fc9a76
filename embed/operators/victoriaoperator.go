package operators

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube/store"
)

func newVictoriaOperator() *operator {
	return &operator{
		name:   "victoria-metrics-operator",
		images: []string{"victoriametrics/operator"},
		owns:   []schema.GroupResource{vmClusters, vmUsers, vmAuths, vmRules, vmAlerts, vmAlertmanagers},
		kinds: map[string]schema.GroupResource{
			"VMCluster": vmClusters, "VMAuth": vmAuths, "VMUser": vmUsers, "VMAlert": vmAlerts, "VMAlertmanager": vmAlertmanagers,
		},
		watches: []schema.GroupResource{namespaces},
		related: func(r *Operators, ch store.Change) {
			// Namespaces are selected by label.
			if ch.Old != nil && !statusOnly(ch) {
				r.addAll(victoriaOperator, vmAuths)
				r.addAll(victoriaOperator, vmAlerts)
			}
		},
		reconcile: (*Operators).reconcileVictoria,
	}
}

// addAll queues all objects of a resource.
func (r *Operators) addAll(op int, gr schema.GroupResource) {
	if !r.active(op) {
		return
	}
	for _, o := range r.api.List(gr, "", labels.Everything()) {
		r.queue.add(key{op, gr, o.Namespace, o.Name})
	}
}

func (r *Operators) reconcileVictoria(k key) (time.Duration, error) {
	// Users and rules have no workload of their own: they are read with what
	// selects them.
	switch k.gr {
	case vmUsers:
		r.addAll(victoriaOperator, vmAuths)
		return 0, r.reconcileVMUser(k)
	case vmRules:
		r.addAll(victoriaOperator, vmAlerts)
		return 0, r.reconcileVMRule(k)
	}
	o, err := r.get(k)
	if o == nil {
		return 0, err
	}
	var out outcome
	switch k.gr {
	case vmClusters:
		out, err = r.workloads(k, o, 0, func() ([]child, error) {
			cr := &vmCluster{}
			if err := o.Into(cr); err != nil {
				return nil, err
			}
			return buildVMCluster(cr)
		})
	case vmAuths:
		out, err = r.reconcileVMAuth(k, o)
	case vmAlerts:
		out, err = r.reconcileVMAlert(k, o)
	case vmAlertmanagers:
		out, err = r.reconcileVMAlertmanager(k, o)
	}
	if err != nil {
		return 0, err
	}
	return 0, r.victoriaStatus(k, o, out)
}

// victoriaStatus writes the status that all of VictoriaMetrics' custom resources
// share: operational, expanding or failed.
func (r *Operators) victoriaStatus(k key, o *store.Object, out outcome) error {
	status := map[string]any{"updateStatus": "operational", "reason": nil, "observedGeneration": o.Generation}
	switch {
	case out.err != nil:
		status["updateStatus"], status["reason"] = "failed", out.err.Error()
		r.warn(k, o, "ReconcilationError", out.err.Error())
	case !out.ready:
		status["updateStatus"], status["reason"] = "expanding", out.waits
	}
	return r.setStatus(k, o, status)
}

func (r *Operators) secretValue(at ref, field string) (string, error) {
	data, err := r.secretData(at)
	if err != nil {
		return "", err
	}
	v, ok := data[field]
	switch {
	case !ok:
		return "", fmt.Errorf("secret %s/%s has no key %q", at.namespace, at.name, field)
	case len(v) == 0:
		return "", fmt.Errorf("key %q of Secret %s/%s is empty", field, at.namespace, at.name)
	}
	return string(v), nil
}

func (r *Operators) secretData(at ref) (map[string][]byte, error) {
	o, err := r.find(secrets, at.namespace, at.name)
	switch {
	case err != nil:
		return nil, err
	case o == nil:
		return nil, fmt.Errorf("secret %s/%s does not exist", at.namespace, at.name)
	}
	var s struct {
		Data map[string][]byte `json:"data"`
	}
	return s.Data, o.Into(&s)
}

// selected tells whether a selector in a namespace takes an object in: as
// upstream, none at all takes everything or nothing.
func (r *Operators) selected(o *store.Object, home string, all bool, object, namespace *metav1.LabelSelector) (bool, error) {
	if object == nil && namespace == nil {
		return all, nil
	}
	if in, err := matches(object, o.Labels, true); !in || err != nil {
		return false, err
	}
	if namespace == nil {
		return o.Namespace == home, nil
	}
	ns, err := r.find(namespaces, "", o.Namespace)
	if ns == nil {
		return false, err
	}
	return matches(namespace, ns.Labels, true)
}

func (r *Operators) reconcileVMRule(k key) error {
	o, err := r.get(k)
	if o == nil {
		return err
	}
	cr := &vmRule{}
	if err = o.Into(cr); err == nil {
		err = checkRules(cr)
	}
	return r.victoriaStatus(k, o, outcome{ready: true, err: err})
}

func (r *Operators) reconcileVMAlert(k key, o *store.Object) (outcome, error) {
	cr := &vmAlert{}
	if err := o.Into(cr); err != nil {
		return outcome{err: err}, nil
	}
	var rules []*vmRule
	for _, ro := range r.api.List(vmRules, "", labels.Everything()) {
		s := cr.Spec
		in, err := r.selected(ro, cr.Namespace, s.SelectAllByDefault, s.RuleSelector, s.RuleNamespaceSelector)
		if err != nil {
			return outcome{err: fmt.Errorf("ruleSelector: %w", err)}, nil
		}
		rule := &vmRule{}
		// A rule that is wrong has its own status for that.
		if in && !ro.Deleting && ro.Into(rule) == nil && checkRules(rule) == nil {
			rules = append(rules, rule)
		}
	}
	files, err := ruleFiles(rules)
	if err != nil {
		return outcome{err: err}, nil
	}
	text, err := json.Marshal(files)
	if err != nil {
		return outcome{err: err}, nil
	}
	return r.workloads(k, o, digest(text), func() ([]child, error) { return buildVMAlert(cr, files) })
}

func (r *Operators) reconcileVMAlertmanager(k key, o *store.Object) (outcome, error) {
	cr := &vmAlertmanager{}
	if err := o.Into(cr); err != nil {
		return outcome{err: err}, nil
	}
	var config []byte
	var refs []ref
	if name := cr.Spec.ConfigSecret; name != "" && cr.Spec.ConfigRawYaml == "" {
		at := ref{secrets, k.namespace, name}
		refs = []ref{at}
		// Upstream's operator writes into a Secret of that name what it read from it.
		text, err := r.secretValue(at, "alertmanager.yaml")
		if err != nil {
			r.depend(k, refs...)
			return outcome{err: fmt.Errorf("spec.configSecret: %w", err)}, nil
		}
		config = slices.Clone([]byte(text))
	}
	r.depend(k, refs...)
	return r.workloads(k, o, digest(config), func() ([]child, error) { return buildVMAlertmanager(cr, config) })
}
