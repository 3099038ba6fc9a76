package operators

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"koflab/embed/kube/store"
)

// operator is one of the programs that react to custom resources.
type operator struct {
	name string
	// images are the repositories, without registry, of the operator's program.
	images []string
	// owns are the resources it reconciles, in the order of which depends on which.
	owns []schema.GroupResource
	// kinds are those of owns whose objects have children.
	kinds map[string]schema.GroupResource
	// watches are the resources of others that related maps to its own.
	watches []schema.GroupResource
	related func(*Operators, store.Change)
	// begin runs when the operator takes up its work, before owns are looked at.
	begin     func(*Operators)
	reconcile func(*Operators, key) (again time.Duration, err error)
}

// instance is a pod of an operator.
type instance struct {
	namespace string
	args      []string
}

// leadership holds the ready pods of an operator by namespace and name.
type leadership map[string]instance

func (r *Operators) active(op int) bool { return len(r.leaders[op]) > 0 }

// leader returns the pod that does an operator's work: the first by name.
func (r *Operators) leader(op int) instance {
	if len(r.leaders[op]) == 0 {
		return instance{}
	}
	return r.leaders[op][slices.Min(slices.Collect(maps.Keys(r.leaders[op])))]
}

// flag returns the values of a command line flag of the pod.
func (i instance) flag(name string) []string {
	var out []string
	for n, a := range i.args {
		a, dashed := strings.CutPrefix(strings.TrimPrefix(a, "-"), "-")
		if !dashed && !strings.HasPrefix(i.args[n], "-") {
			continue
		}
		if v, ok := strings.CutPrefix(a, name+"="); ok {
			out = append(out, strings.ReplaceAll(v, "$(POD_NAMESPACE)", i.namespace))
		}
	}
	return out
}

// last returns the value of a flag, the last one if it is given more than once.
func (i instance) last(name, otherwise string) string {
	if v := i.flag(name); len(v) > 0 {
		return v[len(v)-1]
	}
	return otherwise
}

// observePod follows the pods of operators: the first that is ready starts its
// operator, and with the last the operator's work ends.
func (r *Operators) observePod(ch store.Change) {
	op := operatorOf(ch.Object.JSON)
	if op < 0 {
		return
	}
	name := ch.Object.Namespace + "/" + ch.Object.Name
	before := len(r.leaders[op])
	if ch.Type == watch.Deleted || ch.Object.Deleting {
		delete(r.leaders[op], name)
	} else if args, ready := readyPod(ch.Object, op); ready {
		if r.leaders[op] == nil {
			r.leaders[op] = leadership{}
		}
		r.leaders[op][name] = instance{ch.Object.Namespace, args}
	} else {
		delete(r.leaders[op], name)
	}
	after := len(r.leaders[op])
	if after == before {
		return
	}
	r.mu.Lock()
	if r.activity[operatorTable[op].name] = after; after == 0 {
		delete(r.activity, operatorTable[op].name)
	}
	r.mu.Unlock()
	switch {
	case before == 0:
		r.begin(op)
	case after == 0:
		r.end(op)
	}
}

// begin looks at everything an operator owns, as one does that has just started.
func (r *Operators) begin(op int) {
	o := operatorTable[op]
	if o.begin != nil {
		o.begin(r)
	}
	for _, gr := range o.owns {
		for _, obj := range r.api.List(gr, "", labels.Everything()) {
			r.queue.add(key{op, gr, obj.Namespace, obj.Name})
		}
	}
}

// end forgets what an operator knew.
func (r *Operators) end(op int) {
	for k := range r.memos {
		if k.operator == op {
			r.forget(k)
		}
	}
	for k := range r.alarms {
		if k.operator == op {
			delete(r.alarms, k)
		}
	}
}

// operatorOf returns the operator whose image a pod's JSON names, or -1. It is
// asked for every change of every pod, so it does not decode.
func operatorOf(json []byte) int {
	for op := range operatorTable {
		for _, image := range imageMarks[op] {
			if bytes.Contains(json, image) {
				return op
			}
		}
	}
	return -1
}

// runs tells whether an image is one of the operator's.
func (o *operator) runs(image string) bool {
	repository, digest, _ := strings.Cut(image, "@")
	if i := strings.LastIndexByte(repository, ':'); i > strings.LastIndexByte(repository, '/') {
		// One repository of VictoriaMetrics holds the operator and its reloader.
		if strings.HasPrefix(repository[i+1:], "config-reloader") {
			return false
		}
		repository = repository[:i]
	} else if digest == "" {
		return false
	}
	for _, r := range o.images {
		if repository == r || strings.HasSuffix(repository, "/"+r) {
			return true
		}
	}
	return false
}

func readyPod(o *store.Object, op int) (args []string, ready bool) {
	var pod struct {
		Spec struct {
			Containers []struct {
				Image string   `json:"image"`
				Args  []string `json:"args"`
			} `json:"containers"`
		} `json:"spec"`
		Status struct {
			Conditions []struct {
				Type   corev1.PodConditionType `json:"type"`
				Status corev1.ConditionStatus  `json:"status"`
			} `json:"conditions"`
		} `json:"status"`
	}
	if o.Into(&pod) != nil {
		return nil, false
	}
	for _, c := range pod.Spec.Containers {
		if !operatorTable[op].runs(c.Image) {
			continue
		}
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
				return c.Args, true
			}
		}
	}
	return nil, false
}
