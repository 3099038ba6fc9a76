package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"koflab/embed/kube"
	"koflab/sim/telemetry"
)

// What of a container's log is still there when somebody asks: as much as the
// kubelet's rotation would keep of a quiet container.
const (
	logKept  = time.Hour
	logLines = 10_000
)

// logPoll is how often, in real time, a followed log is looked at again.
const logPoll = 500 * time.Millisecond

// logLine is one line of a container's log.
type logLine struct {
	at   time.Time
	text string
}

// podLogs are the log of a container: the very records that the cluster's
// collectors read, since both come from the generator.
func (l *Lab) podLogs(ctx context.Context, c *cluster, namespace, pod, container string, o kube.LogOptions) (io.ReadCloser, error) {
	g := c.view().generator
	if g == nil {
		return io.NopCloser(bytes.NewReader(nil)), nil // the cluster is being founded
	}
	now := l.clock.Now()
	from := now.Add(-logKept)
	if o.Since.After(from) {
		from = o.Since
	}
	lines := linesOf(g, from, now, namespace, pod, container)
	if o.TailLines != nil && int64(len(lines)) > *o.TailLines {
		lines = lines[int64(len(lines))-*o.TailLines:]
	}
	if len(lines) > logLines {
		lines = lines[len(lines)-logLines:]
	}
	if !o.Follow {
		var b bytes.Buffer
		writeLines(&b, lines, o.Timestamps)
		return io.NopCloser(&b), nil
	}
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(l.followLogs(ctx, w, c, lines, now, namespace, pod, container, o))
	}()
	return r, nil
}

func (l *Lab) followLogs(ctx context.Context, w io.Writer, c *cluster, lines []logLine, read time.Time, namespace, pod, container string, o kube.LogOptions) error {
	for {
		if err := writeLines(w, lines, o.Timestamps); err != nil {
			return err
		}
		select {
		case <-l.wall.NewTimer(logPoll).C():
		case <-ctx.Done():
			return nil
		case <-l.down:
			return nil
		}
		now := l.clock.Now()
		lines = linesOf(c.view().generator, read, now, namespace, pod, container)
		read = now
	}
}

func writeLines(w io.Writer, lines []logLine, stamps bool) error {
	for _, line := range lines {
		stamp := ""
		if stamps {
			stamp = line.at.UTC().Format(time.RFC3339Nano) + " "
		}
		if _, err := fmt.Fprintf(w, "%s%s\n", stamp, line.text); err != nil {
			return err
		}
	}
	return nil
}

// linesOf are the records of a container in a window, in the order of their times.
func linesOf(g *telemetry.Generator, from, to time.Time, namespace, pod, container string) []logLine {
	var out []logLine
	resources := g.Logs(from, to).ResourceLogs()
	for i := range resources.Len() {
		r := resources.At(i)
		is := func(key, value string) bool {
			v, ok := r.Resource().Attributes().Get(key)
			return ok && v.Str() == value
		}
		if !is("k8s.namespace.name", namespace) || !is("k8s.pod.name", pod) || container != "" && !is("k8s.container.name", container) {
			continue
		}
		for j := range r.ScopeLogs().Len() {
			out = append(out, records(r.ScopeLogs().At(j).LogRecords())...)
		}
	}
	slices.SortFunc(out, func(a, b logLine) int { return a.at.Compare(b.at) })
	return out
}

func records(s plog.LogRecordSlice) []logLine {
	out := make([]logLine, 0, s.Len())
	for i := range s.Len() {
		out = append(out, logLine{s.At(i).Timestamp().AsTime(), s.At(i).Body().AsString()})
	}
	return out
}
