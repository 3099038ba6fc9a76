package telemetry

import (
	"bufio"
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// ContentType is the media type of what WriteText writes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// WriteText writes the target's metrics in Prometheus' text format, as the real
// endpoint would: without the labels that a scraper adds to its targets.
func (t *Target) WriteText(w io.Writer, at time.Time) error {
	order := make([]int, len(t.series))
	for i := range order {
		order[i] = i
	}
	name := func(i int) string { return t.series[i].labels.Get(model.MetricNameLabel) }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(family(name(a)), family(name(b))) })

	m := t.gen.moment(at.UnixNano())
	defer t.gen.release(m)
	out := bufio.NewWriter(w)
	last := ""
	for _, i := range order {
		s := &t.series[i]
		if f := family(name(i)); f != last {
			last = f
			out.WriteString("# HELP " + f + " " + Describe(f).Help + "\n")
			out.WriteString("# TYPE " + f + " " + Describe(f).Type + "\n")
		}
		out.WriteString(name(i))
		t.writeLabels(out, s)
		out.WriteByte(' ')
		out.WriteString(strconv.FormatFloat(s.value(m), 'g', -1, 64))
		out.WriteByte('\n')
	}
	return out.Flush()
}

// valueEscaper escapes label values as the text format demands.
var valueEscaper = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func (t *Target) writeLabels(out *bufio.Writer, s *series) {
	sep := byte('{')
	s.labels.Range(func(l labels.Label) {
		if l.Name == model.MetricNameLabel {
			return
		}
		for i, own := range t.own {
			if own.Name == l.Name && s.own&(1<<i) != 0 {
				return
			}
		}
		out.WriteByte(sep)
		sep = ','
		out.WriteString(l.Name + `="`)
		_, _ = valueEscaper.WriteString(out, l.Value) // bufio keeps the first error for Flush
		out.WriteByte('"')
	})
	if sep == ',' {
		out.WriteByte('}')
	}
}

// family is the name under which a series is described: a histogram's without its
// suffix.
func family(name string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok {
			if _, histogram := histograms[base]; histogram {
				return base
			}
		}
	}
	return name
}

// Description is a metric family's metadata.
type Description struct {
	Type string // counter, gauge or histogram
	Help string
}

// Describe returns the metadata of a family or of one of a histogram's series.
func Describe(name string) Description {
	name = family(name)
	if help, ok := histograms[name]; ok {
		return Description{"histogram", help}
	}
	if help, ok := help[name]; ok {
		kind := "gauge"
		if strings.HasSuffix(name, "_total") || counters[name] {
			kind = "counter"
		}
		return Description{kind, help}
	}
	return Description{"unknown", ""}
}
