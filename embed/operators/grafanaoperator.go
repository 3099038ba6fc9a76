package operators

import (
	"encoding/json"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube/store"
)

func newGrafanaOperator() *operator {
	return &operator{
		name:      "grafana-operator",
		images:    []string{"grafana/grafana-operator"},
		owns:      []schema.GroupResource{grafanas, grafanaDatasources, grafanaDashboards},
		kinds:     map[string]schema.GroupResource{"Grafana": grafanas},
		reconcile: (*Operators).reconcileGrafanaAny,
	}
}

func (r *Operators) reconcileGrafanaAny(k key) (time.Duration, error) {
	if k.gr != grafanas {
		r.addAll(grafanaOperator, grafanas) // their lists and plugins
		return 0, r.reconcileGrafanaContent(k)
	}
	o, err := r.get(k)
	if o == nil {
		r.addAll(grafanaOperator, grafanaDatasources)
		r.addAll(grafanaOperator, grafanaDashboards)
		return 0, err
	}
	cr := &grafana{}
	if err := o.Into(cr); err != nil {
		return 0, r.grafanaStatus(k, o, outcome{err: err}, nil)
	}
	content, plugins := r.grafanaContentOf(o)
	password := ""
	if !cr.Spec.DisableDefaultAdminSecret {
		have, _ := r.secretData(ref{secrets, k.namespace, grafanaAdminSecret(k.name)})
		if password = string(have["GF_SECURITY_ADMIN_PASSWORD"]); password == "" {
			if password, err = newPassword(); err != nil {
				return 0, err
			}
		}
	}
	listed, err := json.Marshal(plugins)
	if err != nil {
		return 0, err
	}
	inputs := digest(listed, []byte(password))
	out, err := r.workloads(k, o, inputs, func() ([]child, error) { return buildGrafana(cr, plugins, password) })
	if err != nil {
		return 0, err
	}
	return 0, r.grafanaStatus(k, o, out, content)
}

func (r *Operators) grafanaStatus(k key, o *store.Object, out outcome, content map[schema.GroupResource][]any) error {
	status := map[string]any{
		"stage": "complete", "stageStatus": "success", "lastMessage": nil,
		"adminUrl":   fmt.Sprintf("http://%s-service.%s:%d", o.Name, o.Namespace, grafanaPort),
		"dashboards": content[grafanaDashboards], "datasources": content[grafanaDatasources],
	}
	for name, v := range status {
		if list, ok := v.([]any); ok && len(list) == 0 {
			status[name] = nil
		}
	}
	ready := condition{"GrafanaReady", true, "GrafanaReady", "Grafana reconcile completed"}
	switch {
	case out.err != nil:
		status["stage"], status["stageStatus"], status["lastMessage"] = "deployment", "failed", out.err.Error()
		ready = condition{"GrafanaReady", false, "GrafanaFailed", out.err.Error()}
		r.warn(k, o, "GrafanaFailed", out.err.Error())
	case !out.ready:
		status["stage"], status["stageStatus"], status["lastMessage"] = "deployment", "in progress", out.waits
		ready = condition{"GrafanaReady", false, "GrafanaStarting", out.waits}
	}
	before := r.memo(k).status
	if err := r.setStatus(k, o, status, ready); err != nil {
		return err
	}
	// Content goes into a Grafana that is ready, so it waits for this.
	if r.memo(k).status != before {
		r.addAll(grafanaOperator, grafanaDatasources)
		r.addAll(grafanaOperator, grafanaDashboards)
	}
	return nil
}

// grafanaContentOf lists what goes into a Grafana as namespace/name/uid, and the
// plugins that it asks for.
func (r *Operators) grafanaContentOf(g *store.Object) (map[schema.GroupResource][]any, []grafanaPlugin) {
	out := map[schema.GroupResource][]any{}
	var plugins []grafanaPlugin
	seen := map[string]bool{}
	for _, gr := range []schema.GroupResource{grafanaDashboards, grafanaDatasources} {
		for _, o := range r.api.List(gr, "", labels.Everything()) {
			cr := &grafanaContent{}
			if o.Deleting || o.Into(cr) != nil {
				continue
			}
			if in, err := cr.Spec.selects(o.Namespace, g.Namespace, g.Labels); !in || err != nil {
				continue
			}
			uid, err := cr.Spec.check(o.GVK.Kind, string(o.UID), r.configMapValue(o.Namespace))
			if err != nil {
				continue
			}
			out[gr] = append(out[gr], o.Namespace+"/"+o.Name+"/"+uid)
			for _, p := range cr.Spec.Plugins {
				if !seen[p.Name] {
					seen[p.Name] = true
					plugins = append(plugins, p)
				}
			}
		}
	}
	return out, plugins
}

func (r *Operators) configMapValue(namespace string) func(name, field string) (string, error) {
	return func(name, field string) (string, error) {
		o, err := r.find(configMaps, namespace, name)
		switch {
		case err != nil:
			return "", err
		case o == nil:
			return "", fmt.Errorf("config map %s/%s does not exist", namespace, name)
		}
		var m struct {
			Data map[string]string `json:"data"`
		}
		if err := o.Into(&m); err != nil {
			return "", err
		}
		v, ok := m.Data[field]
		if !ok {
			return "", fmt.Errorf("config map %s/%s has no key %q", namespace, name, field)
		}
		return v, nil
	}
}

func (r *Operators) reconcileGrafanaContent(k key) error {
	o, err := r.get(k)
	if o == nil {
		return err
	}
	synchronized := condition{kind: "DatasourceSynchronized", is: true, reason: "ApplySuccessful"}
	if k.gr == grafanaDashboards {
		synchronized.kind = "DashboardSynchronized"
	}
	fail := func(reason string, err error) error {
		r.warn(k, o, reason, err.Error())
		synchronized.is, synchronized.reason, synchronized.message = false, reason, err.Error()
		return r.setStatus(k, o, nil, synchronized)
	}
	cr := &grafanaContent{}
	if err := o.Into(cr); err != nil {
		return fail("InvalidSpec", err)
	}
	if c := cr.Spec.ConfigMapRef; c != nil {
		r.depend(k, ref{configMaps, k.namespace, c.Name})
	}
	uid, err := cr.Spec.check(o.GVK.Kind, string(o.UID), r.configMapValue(k.namespace))
	if err != nil {
		return fail("InvalidSpec", err)
	}
	matched, applied := 0, 0
	for _, g := range r.api.List(grafanas, "", labels.Everything()) {
		in, err := cr.Spec.selects(k.namespace, g.Namespace, g.Labels)
		if err != nil {
			return fail("InvalidSpec", fmt.Errorf("instanceSelector: %w", err))
		}
		if !in || g.Deleting {
			continue
		}
		matched++
		var state struct {
			Status struct {
				Stage       string `json:"stage"`
				StageStatus string `json:"stageStatus"`
			} `json:"status"`
		}
		if g.Into(&state) == nil && state.Status.Stage == "complete" && state.Status.StageStatus == "success" {
			applied++
		}
	}
	none := condition{"NoMatchingInstance", matched == 0, "EmptyAPIReply", "None of the available Grafana instances matched the selector, skipping reconciliation"}
	if matched > 0 {
		none.reason, none.message = "InstancesMatched", fmt.Sprintf("%d Grafana instances match the selector", matched)
	}
	what := "Datasource"
	if k.gr == grafanaDashboards {
		what = "Dashboard"
	}
	synchronized.message = fmt.Sprintf("%s was successfully applied to %d instances", what, applied)
	if applied < matched || matched == 0 {
		synchronized.is, synchronized.reason = false, "InstanceNotReady"
		synchronized.message = fmt.Sprintf("%s was applied to %d of %d instances", what, applied, matched)
	}
	return r.setStatus(k, o, map[string]any{"uid": uid}, synchronized, none)
}
