package kube

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// serveLog streams a container's log.
func (s *Server) serveLog(q *request) error {
	if q.Method != http.MethodGet {
		return notAllowed(q)
	}
	o, err := s.get(q)
	if err != nil {
		return err
	}
	var p corev1.Pod
	if err := o.Into(&p); err != nil {
		return apierrors.NewInternalError(err)
	}
	container, err := logContainer(&p, q.query.Get("container"))
	if err != nil {
		return err
	}
	opts, err := s.logOptions(q)
	if err != nil {
		return err
	}
	if err := startedForLogs(&p, container, opts.Previous); err != nil {
		return err
	}
	if s.o.Logs == nil {
		return apierrors.NewBadRequest("this cluster keeps no logs of its pods")
	}
	r, err := s.o.Logs(q.Context(), q.ns, q.name, container, opts)
	if err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	defer func() { _ = r.Close() }()
	q.w.Header().Set("Content-Type", "text/plain")
	q.w.WriteHeader(http.StatusOK)
	var src io.Reader = r
	if opts.LimitBytes != nil {
		src = io.LimitReader(r, *opts.LimitBytes)
	}
	if flusher, ok := q.w.(http.Flusher); ok && opts.Follow {
		flusher.Flush()
		_, _ = io.Copy(flushWriter{q.w, flusher}, src) // ends when either side does
		return nil
	}
	_, _ = io.Copy(q.w, src)
	return nil
}

type flushWriter struct {
	io.Writer
	http.Flusher
}

func (w flushWriter) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	w.Flush()
	return n, err
}

// logContainer finds the container that is meant.
func logContainer(p *corev1.Pod, name string) (string, error) {
	var names, inits []string
	for _, c := range p.Spec.Containers {
		names = append(names, c.Name)
	}
	for _, c := range p.Spec.InitContainers {
		inits = append(inits, c.Name)
	}
	switch {
	case name == "" && len(names) == 1:
		return names[0], nil
	case name == "":
		if d := p.Annotations["kubectl.kubernetes.io/default-container"]; slices.Contains(names, d) {
			return d, nil
		}
		text := fmt.Sprintf("a container name must be specified for pod %s, choose one of: [%s]", p.Name, strings.Join(names, " "))
		if len(inits) > 0 {
			text += fmt.Sprintf(" or one of the init containers: [%s]", strings.Join(inits, " "))
		}
		return "", apierrors.NewBadRequest(text)
	case slices.Contains(names, name), slices.Contains(inits, name):
		return name, nil
	}
	return "", apierrors.NewBadRequest(fmt.Sprintf("container %s is not valid for pod %s", name, p.Name))
}

// startedForLogs says why a container has no log yet.
func startedForLogs(p *corev1.Pod, container string, previous bool) error {
	all := append(slices.Clone(p.Status.ContainerStatuses), p.Status.InitContainerStatuses...)
	i := slices.IndexFunc(all, func(c corev1.ContainerStatus) bool { return c.Name == container })
	if i < 0 {
		if p.Spec.NodeName == "" {
			return apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", p.Name))
		}
		return nil
	}
	st := all[i]
	if previous && st.LastTerminationState.Terminated == nil {
		return apierrors.NewBadRequest(fmt.Sprintf("previous terminated container %q in pod %q not found", container, p.Name))
	}
	if w := st.State.Waiting; w != nil && !previous && st.LastTerminationState.Terminated == nil {
		return apierrors.NewBadRequest(fmt.Sprintf("container %q in pod %q is waiting to start: %s", container, p.Name, w.Reason))
	}
	return nil
}

func (s *Server) logOptions(q *request) (LogOptions, error) {
	o := LogOptions{Follow: q.flag("follow"), Previous: q.flag("previous"), Timestamps: q.flag("timestamps")}
	for name, to := range map[string]**int64{"tailLines": &o.TailLines, "limitBytes": &o.LimitBytes} {
		if q.query.Get(name) != "" {
			n, err := number(q, name)
			if err != nil {
				return o, err
			}
			*to = &n
		}
	}
	if q.query.Get("sinceSeconds") != "" {
		n, err := number(q, "sinceSeconds")
		if err != nil {
			return o, err
		}
		o.Since = s.o.Now().Add(-time.Duration(n) * time.Second)
	}
	if v := q.query.Get("sinceTime"); v != "" {
		t, err := time.Parse(time.RFC3339, v)
		if err != nil {
			return o, apierrors.NewBadRequest("sinceTime: " + err.Error())
		}
		o.Since = t
	}
	return o, nil
}
