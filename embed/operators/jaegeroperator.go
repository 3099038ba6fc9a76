package operators

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

func newJaegerOperator() *operator {
	return &operator{
		name:      "jaeger-operator",
		images:    []string{"jaegertracing/jaeger-operator"},
		owns:      []schema.GroupResource{jaegers},
		kinds:     map[string]schema.GroupResource{"Jaeger": jaegers},
		reconcile: (*Operators).reconcileJaeger,
	}
}

func (r *Operators) reconcileJaeger(k key) (time.Duration, error) {
	o, err := r.get(k)
	if o == nil {
		return 0, err
	}
	out, err := r.workloads(k, o, 0, func() ([]child, error) {
		cr := &jaeger{}
		if err := o.Into(cr); err != nil {
			return nil, err
		}
		return buildJaeger(cr)
	})
	if err != nil {
		return 0, err
	}
	status := map[string]any{"phase": "Running", "version": jaegerVersion, "message": nil}
	if out.err != nil {
		status["phase"], status["message"] = "Failed", out.err.Error()
		r.warn(k, o, "ReconcileError", out.err.Error())
	}
	return 0, r.setStatus(k, o, status)
}
