package telemetry

import "strings"

// storageComponents adds the targets of the VictoriaMetrics family on clusters that
// store data: what a process can say without knowing what is written to it.
func (b *builder) storageComponents() {
	for i := range b.g.instances {
		in := &b.g.instances[i]
		w := in.pod.Workload
		if w.App || !strings.Contains(in.container.Image.Repository, "/victoriametrics/") || in.container.Image.Base() == "operator" {
			continue
		}
		b.to(w.Name, podPort(in.pod, w.Port), podInterval, "endpoint", "http", "namespace", w.Namespace,
			"service", serviceOf(in.pod), "container", in.container.Name, "pod", in.pod.Name)
		b.one(standard, "vm_app_version", constant(1), "version", in.container.Name+"-"+version(in.container), "short_version", "v"+version(in.container))
		b.one(standard, "vm_app_uptime_seconds", formula{of: int32(i), eval: func(m *moment, f *formula) float64 {
			return max(0, m.sec-m.g.startedAt(f.of, m.nanos))
		}})
		b.process(int32(i))
	}
}
