package control

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"koflab/sim/fault"
)

// Faults are what can be broken, and what is.
type Faults struct {
	Catalogue []fault.Spec   `json:"catalogue"`
	Active    []fault.Active `json:"active"`
}

// handleFaults adds the calls about faults. Some take their time: pods roll.
func handleFaults(mux *http.ServeMux, lab Lab) {
	mux.HandleFunc("GET /v1/faults", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, Faults{Catalogue: fault.Catalogue(), Active: lab.Faults()})
	})
	mux.HandleFunc("POST /v1/faults", func(w http.ResponseWriter, r *http.Request) {
		var f fault.Fault
		if decode(w, r, &f) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
			active, err := lab.Inject(r.Context(), f)
			answerOr(w, active, err)
		}
	})
	mux.HandleFunc("GET /v1/faults/{fault}/targets", func(w http.ResponseWriter, r *http.Request) {
		targets, err := lab.FaultTargets(r.PathValue("fault"))
		answerOr(w, targets, err)
	})
	mux.HandleFunc("DELETE /v1/faults/{id}", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		answerOr(w, struct{}{}, lab.Heal(r.Context(), r.PathValue("id")))
	})
}

// Faults returns the catalogue and what is active.
func (c *Client) Faults(ctx context.Context) (Faults, error) {
	var f Faults
	return f, c.call(ctx, http.MethodGet, "/v1/faults", nil, &f)
}

// FaultTargets returns what a fault can strike in the lab as it is.
func (c *Client) FaultTargets(ctx context.Context, name string) ([]string, error) {
	var targets []string
	return targets, c.call(ctx, http.MethodGet, "/v1/faults/"+url.PathEscape(name)+"/targets", nil, &targets)
}

// Inject breaks something, and returns when it is broken. A mistake in what is asked
// for is a fault.Problem.
func (c *Client) Inject(ctx context.Context, f fault.Fault) (fault.Active, error) {
	var a fault.Active
	return a, c.call(ctx, http.MethodPost, "/v1/faults", f, &a)
}

// Heal undoes an active fault.
func (c *Client) Heal(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "/v1/faults/"+url.PathEscape(id), nil, nil)
}
