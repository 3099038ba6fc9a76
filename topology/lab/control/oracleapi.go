package control

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// ErrNoJournal says that a lab cannot be judged.
var ErrNoJournal = errors.New("oracle: this lab keeps no journal of what its collectors offer, so what must be stored cannot be told; scenarios' labs keep one")

// Judge is a lab that can tell what must be stored.
type Judge interface {
	// Oracle compares all stored records of clusters and signals with those that must
	// be stored; none mean all.
	Oracle(ctx context.Context, clusters, signals []string) (OracleVerdict, error)
}

// handleOracle serves GET /v1/oracle?cluster=ID&signal=NAME, both as often as wanted.
func handleOracle(mux *http.ServeMux, lab Lab) {
	mux.HandleFunc("GET /v1/oracle", func(w http.ResponseWriter, r *http.Request) {
		judge, ok := lab.(Judge)
		if !ok {
			fail(w, http.StatusNotImplemented, ErrNoJournal)
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // there may be much to read
		args := r.URL.Query()
		v, err := judge.Oracle(r.Context(), args["cluster"], args["signal"])
		if errors.Is(err, ErrNoJournal) {
			fail(w, http.StatusNotImplemented, err)
			return
		}
		answerOr(w, v, err)
	})
}

// Oracle compares all stored records of clusters and signals with those that must be
// stored; none mean all.
func (c *Client) Oracle(ctx context.Context, clusters, signals []string) (OracleVerdict, error) {
	var v OracleVerdict
	args := url.Values{"cluster": clusters, "signal": signals}
	return v, c.call(ctx, http.MethodGet, "/v1/oracle?"+args.Encode(), nil, &v)
}
