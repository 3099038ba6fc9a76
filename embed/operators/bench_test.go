package operators

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkChild brings up what a child cluster's operators do: the budget of a
// lab of 500 is 150 ms for everything, of which this is a part.
func BenchmarkChild(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		l := newLab(b, Options{})
		l.install("cert-manager", "cert-manager", "")
		l.install("kof-operators", "kof", "")
		l.install("kof-collectors", "kof", `{kof: {clusterName: c, clusterNamespace: kcm-system, vmuser: {enabled: false}}}`)
		b.StartTimer()
		l.settle()
	}
}

func BenchmarkRegion(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		l := newLab(b, Options{})
		for _, name := range []string{"cert-manager", "ingress-nginx", "kof-operators"} {
			l.install(name, "kof", "")
		}
		l.install("kof-storage", "kof", "kof: {domain: region-1.example.com}")
		b.StartTimer()
		l.settle()
	}
}

func BenchmarkBuildCollector(b *testing.B) {
	var text []byte
	for _, o := range rendered(b, "kof-collectors", "kof", "") {
		if o.GetName() == "kof-collectors-node-exporter" {
			var err error
			text, err = o.MarshalJSON()
			require.NoError(b, err)
		}
	}
	for b.Loop() {
		cr := &collector{}
		if err := json.Unmarshal(text, cr); err != nil {
			b.Fatal(err)
		}
		if _, err := buildCollector(cr); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUsers adds users one by one, each to be in vmauth's file at once.
func BenchmarkUsers(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		l := newLab(b, Options{})
		l.crds("victoria-metrics-operator")
		l.operator("kof", "vm-operator", victoriaImageName)
		l.create(example(b, "vmauth"))
		l.settle()
		b.StartTimer()
		for i := range 50 {
			u := kofUser(fmt.Sprint(i), "PLATFORM")
			u.APIVersion, u.Kind, u.Spec.Password = victoriaGroup+"/v1beta1", "VMUser", fmt.Sprint("pw", i)
			text, err := json.Marshal(u)
			require.NoError(b, err)
			l.create(string(text))
			l.settle()
		}
	}
}
