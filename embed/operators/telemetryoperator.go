package operators

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube/store"
)

func newTelemetryOperator() *operator {
	return &operator{
		name:      "opentelemetry-operator",
		images:    []string{"open-telemetry/opentelemetry-operator/opentelemetry-operator"},
		owns:      []schema.GroupResource{collectors},
		kinds:     map[string]schema.GroupResource{"OpenTelemetryCollector": collectors},
		reconcile: (*Operators).reconcileCollector,
	}
}

func (r *Operators) reconcileCollector(k key) (time.Duration, error) {
	o, err := r.get(k)
	if o == nil {
		return 0, err
	}
	out, err := r.workloads(k, o, digest([]byte(labels.Set(o.Labels).String())), func() ([]child, error) {
		cr := &collector{}
		if err := o.Into(cr); err != nil {
			return nil, err
		}
		if cr.Spec.ManagementState == "unmanaged" {
			return nil, errUnmanaged
		}
		return buildCollector(cr)
	})
	if err != nil || errors.Is(out.err, errUnmanaged) {
		return 0, err
	}
	return 0, r.collectorStatus(k, o, out)
}

// errUnmanaged stops an operator before an object that is not its business.
var errUnmanaged = errors.New("spec.managementState is unmanaged")

func (r *Operators) collectorStatus(k key, o *store.Object, out outcome) error {
	if out.err != nil {
		// Upstream's webhook would have refused it; here it is stored, and says why
		// nothing comes of it.
		r.warn(k, o, "ReconcileError", out.err.Error())
		return r.setStatus(k, o, nil, condition{"Ready", false, "InvalidConfiguration", out.err.Error()})
	}
	var cr struct {
		Spec struct {
			Mode  string `json:"mode"`
			Image string `json:"image"`
		} `json:"spec"`
	}
	if err := o.Into(&cr); err != nil {
		return err
	}
	image := orDefault(cr.Spec.Image, collectorImage)
	status := map[string]any{
		"version": imageVersion(image), "image": image,
		"scale": map[string]any{
			"replicas": out.replicas, "statusReplicas": fmt.Sprintf("%d/%d", out.serving, out.replicas),
			"selector": labels.Set(telemetryLabels(o.Namespace, o.Name, "opentelemetry-collector")).String(),
		},
	}
	ready := condition{"Ready", out.ready, "Ready", "all pods of the collector are ready"}
	if !out.ready {
		ready.reason, ready.message = "Progressing", out.waits
	}
	return r.setStatus(k, o, status, ready)
}
