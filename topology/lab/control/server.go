package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"strconv"
	"strings"
	"time"

	"koflab/sim/fault"
)

// Lab is what the server serves: a running lab.
type Lab interface {
	Status() Status
	Access() Access
	Query(ctx context.Context, q QueryRequest) (QueryResponse, error)
	// Logs and Traces serve the multi-region read APIs, or with a region's name
	// that region's alone; nil if there is no such region.
	Logs(region string) http.Handler
	Traces(region string) http.Handler
	EventsSince(seq int64) []Event
	Subscribe() (<-chan Event, func())
	Flush(ctx context.Context) error
	SetListeners(ctx context.Context, region string, up bool) error
	CrashRegion(ctx context.Context, region string) error
	SetCredentials(ctx context.Context, cluster string, r CredentialsRequest) error
	// Kubeconfig opens the Kubernetes API of a cluster, or of all for "".
	Kubeconfig(cluster string) ([]byte, error)
	// AddCluster writes the ClusterDeployment of a region or child and waits until
	// the cluster is observed; RemoveCluster deletes one and waits until it is gone.
	AddCluster(ctx context.Context, r AddRequest) (Cluster, error)
	RemoveCluster(ctx context.Context, cluster string) error
	// Faults are the active ones, FaultTargets what a fault can strike; Inject breaks
	// something and returns when it is broken, Heal undoes the active fault of an ID.
	Faults() []fault.Active
	FaultTargets(name string) ([]string, error)
	Inject(ctx context.Context, f fault.Fault) (fault.Active, error)
	Heal(ctx context.Context, id string) error
	// Down begins the shutdown and returns.
	Down()
}

// maxRequest bounds the bodies the control API reads.
const maxRequest = 1 << 20

// NewHandler returns the control API of a lab.
func NewHandler(lab Lab) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { answer(w, lab.Status()) })
	mux.HandleFunc("GET /v1/access", func(w http.ResponseWriter, _ *http.Request) { answer(w, lab.Access()) })
	mux.HandleFunc("POST /v1/query", func(w http.ResponseWriter, r *http.Request) {
		var q QueryRequest
		if !decode(w, r, &q) {
			return
		}
		res, err := lab.Query(r.Context(), q)
		answerOr(w, res, err)
	})
	forward := func(pick func(string) http.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			h := pick(r.PathValue("region"))
			if h == nil {
				fail(w, http.StatusNotFound, fmt.Errorf("there is no region %q", r.PathValue("region")))
				return
			}
			r = r.Clone(r.Context())
			r.URL.Path, r.URL.RawPath = "/"+r.PathValue("rest"), ""
			h.ServeHTTP(w, r)
		}
	}
	mux.HandleFunc("/v1/logs/{rest...}", forward(lab.Logs))
	mux.HandleFunc("/v1/traces/{rest...}", forward(lab.Traces))
	mux.HandleFunc("/v1/regions/{region}/logs/{rest...}", forward(lab.Logs))
	mux.HandleFunc("/v1/regions/{region}/traces/{rest...}", forward(lab.Traces))
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) { serveEvents(lab, w, r) })
	mux.HandleFunc("POST /v1/flush", func(w http.ResponseWriter, r *http.Request) {
		answerOr(w, struct{}{}, lab.Flush(r.Context()))
	})
	mux.HandleFunc("PUT /v1/regions/{region}/listeners", func(w http.ResponseWriter, r *http.Request) {
		var q ListenersRequest
		if decode(w, r, &q) {
			answerOr(w, struct{}{}, lab.SetListeners(r.Context(), r.PathValue("region"), q.Up))
		}
	})
	mux.HandleFunc("POST /v1/regions/{region}/crash", func(w http.ResponseWriter, r *http.Request) {
		answerOr(w, struct{}{}, lab.CrashRegion(r.Context(), r.PathValue("region")))
	})
	mux.HandleFunc("PUT /v1/clusters/{cluster}/credentials", func(w http.ResponseWriter, r *http.Request) {
		var q CredentialsRequest
		if decode(w, r, &q) {
			answerOr(w, struct{}{}, lab.SetCredentials(r.Context(), r.PathValue("cluster"), q))
		}
	})
	mux.HandleFunc("GET /v1/kubeconfig", func(w http.ResponseWriter, r *http.Request) {
		config, err := lab.Kubeconfig(r.FormValue("cluster"))
		if err != nil {
			fail(w, http.StatusUnprocessableEntity, err)
			return
		}
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(config)
	})
	mux.HandleFunc("POST /v1/clusters", func(w http.ResponseWriter, r *http.Request) {
		var q AddRequest
		if decode(w, r, &q) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // a cluster takes its time
			c, err := lab.AddCluster(r.Context(), q)
			answerOr(w, c, err)
		}
	})
	mux.HandleFunc("DELETE /v1/clusters/{cluster}", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		answerOr(w, struct{}{}, lab.RemoveCluster(r.Context(), r.PathValue("cluster")))
	})
	handleFaults(mux, lab)
	handleOracle(mux, lab)
	// For Go's own tools: go tool pprof reads a lab's heap and CPU over the socket.
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("POST /v1/down", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, struct{}{})
		lab.Down()
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, fmt.Errorf("no such call: %s %s", r.Method, r.URL.Path))
	})
	return mux
}

// Listen opens the control socket for this user alone. A socket left by a dead
// lab is replaced; the caller holds the lab's lock.
func Listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("replace the old control socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w; set XDG_RUNTIME_DIR to a short path you can write", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func serveEvents(lab Lab, w http.ResponseWriter, r *http.Request) {
	since := int64(0)
	if s := r.FormValue("since"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			fail(w, http.StatusBadRequest, fmt.Errorf("since=%q: want a sequence number", s))
			return
		}
		since = n
	}
	follow := r.FormValue("follow") == "true"
	var live <-chan Event
	if follow {
		ch, cancel := lab.Subscribe()
		defer cancel()
		live = ch
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	write := func(e Event) bool {
		if e.Seq <= since {
			return true
		}
		since = e.Seq
		return enc.Encode(e) == nil
	}
	for _, e := range lab.EventsSince(since) {
		if !write(e) {
			return
		}
	}
	if !follow {
		return
	}
	flush := http.NewResponseController(w)
	for {
		if flush.SetWriteDeadline(time.Time{}) != nil || flush.Flush() != nil {
			return
		}
		select {
		case e, ok := <-live:
			if !ok || !write(e) {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		fail(w, http.StatusBadRequest, fmt.Errorf("request body: %s", strings.TrimPrefix(err.Error(), "json: ")))
		return false
	}
	return true
}

func answerOr(w http.ResponseWriter, v any, err error) {
	var p fault.Problem
	switch {
	case errors.As(err, &p):
		fail(w, http.StatusBadRequest, fault.Problem{Field: p.Field, Message: err.Error()})
		return
	case err != nil:
		fail(w, http.StatusUnprocessableEntity, err)
		return
	}
	answer(w, v)
}

func answer(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		fail(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n'))
}

func fail(w http.ResponseWriter, code int, err error) {
	body := ErrorBody{Error: err.Error()}
	if p, ok := err.(fault.Problem); ok {
		body.Field = p.Field
	}
	b, _ := json.Marshal(body)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(b, '\n'))
}
