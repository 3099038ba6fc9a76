package federation

import (
	"bufio"
	"context"
	"errors"
	"maps"
	"net/http"
	"sync"

	"golang.org/x/sync/errgroup"
)

// serveTail streams new rows of all groups as they come. Coverage is told for
// the moment when the groups have been asked; a group that fails later ends its
// part of the stream, or in mode fail the whole.
func (f *Federator) serveTail(w http.ResponseWriter, r *http.Request) {
	err := parseForm(w, r)
	var s *session
	if err == nil {
		s, err = f.newSession(logsSignal, ErrorMode(r.Form.Get("error_mode")))
	}
	if err != nil {
		status, _ := errorStatus(err)
		http.Error(w, err.Error(), status)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	streams, err := f.openTails(ctx, r, s)
	setExplain(w.Header(), s.explain(r.Form.Get("query")), r)
	if err != nil {
		status, _ := errorStatus(asQueryError(r.Context(), err))
		http.Error(w, err.Error(), status)
		return
	}
	w.Header().Set("Content-Type", "application/stream+json")
	out := &lineWriter{w: w, controller: http.NewResponseController(w)}
	if out.flush() != nil {
		return
	}
	var g errgroup.Group
	for _, stream := range streams {
		g.Go(func() error {
			defer stream.close()
			err := out.copyLines(stream.body)
			if err != nil && s.mode == Fail {
				cancel()
			}
			return err
		})
	}
	_ = g.Wait() // the stream has begun: its end is all that can be told
}

// openTails asks all groups and waits for the first byte of their headers, so
// that groups which refuse are known before the answer begins.
func (f *Federator) openTails(ctx context.Context, r *http.Request, s *session) ([]*tailStream, error) {
	form := maps.Clone(r.Form)
	form.Del("error_mode")
	form.Del("explain")
	askCtx, cancel := f.deadline(ctx, 0)
	defer cancel()
	replies, err := collect(askCtx, s, s.members, func(askCtx context.Context, a *asked) (*tailStream, error) {
		a.push("tail " + form.Get("query"))
		return openTail(ctx, askCtx, a.member, request{signal: logsSignal, path: "/select/logsql/tail", form: form, call: "tail"})
	})
	if err != nil {
		return nil, err // the end of ctx closes the streams that did open
	}
	streams := make([]*tailStream, len(replies))
	for i, r := range replies {
		streams[i] = r.data
	}
	return streams, nil
}

// tailStream is one group's endless answer.
type tailStream struct {
	body  *bufio.Scanner
	close func()
}

// openTail bounds the wait for the answer to begin by askCtx, and the answer
// itself by ctx.
func openTail(ctx, askCtx context.Context, m *member, q request) (*tailStream, error) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(askCtx, cancel)
	body, err := m.open(ctx, q)
	if !stop() && err == nil {
		body.Close()
		err = context.Cause(askCtx)
	}
	if err != nil {
		cancel()
		return nil, errors.Join(err, askCtx.Err())
	}
	scanner := bufio.NewScanner(body)
	scanner.Buffer(make([]byte, 0, 64<<10), maxRow)
	return &tailStream{body: scanner, close: func() { cancel(); body.Close() }}, nil
}

// lineWriter lets several streams write whole lines.
type lineWriter struct {
	mu         sync.Mutex
	w          http.ResponseWriter
	controller *http.ResponseController
}

func (l *lineWriter) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.controller.Flush()
}

func (l *lineWriter) copyLines(in *bufio.Scanner) error {
	for in.Scan() {
		if err := l.line(in.Bytes()); err != nil {
			return err
		}
	}
	return in.Err()
}

func (l *lineWriter) line(text []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.w.Write(text); err != nil {
		return err
	}
	if _, err := l.w.Write([]byte{'\n'}); err != nil {
		return err
	}
	return l.controller.Flush()
}
