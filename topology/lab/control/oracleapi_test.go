package control_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"koflab/topology/lab/control"
)

// judged is a lab that only judges.
type judged struct {
	control.Lab
	asked [][]string
	err   error
}

func (j *judged) Oracle(_ context.Context, clusters, signals []string) (control.OracleVerdict, error) {
	j.asked = [][]string{clusters, signals}
	return control.OracleVerdict{Signals: []control.OracleSignal{{Cluster: "child-1", Expected: 1, Stored: 1}}}, j.err
}

func TestOracleOverTheAPI(t *testing.T) {
	ask := func(l control.Lab) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		control.NewHandler(l).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/oracle?cluster=child-1&cluster=child-2&signal=logs", nil))
		return w
	}
	l := &judged{}
	w := ask(l)
	require.Equal(t, http.StatusOK, w.Code)
	require.JSONEq(t, `{"signals":[{"cluster":"child-1","region":"","signal":"","expected":1,"stored":1,"missing":0,"unexpected":0,"duplicated":0,"altered":0}]}`, w.Body.String())
	require.Equal(t, [][]string{{"child-1", "child-2"}, {"logs"}}, l.asked)

	l.err = control.ErrNoJournal
	w = ask(l)
	require.Equal(t, http.StatusNotImplemented, w.Code)
	require.Contains(t, w.Body.String(), "keeps no journal")

	l.err = errors.New("region-1 is off the network")
	require.Equal(t, http.StatusUnprocessableEntity, ask(l).Code)

	require.Equal(t, http.StatusNotImplemented, ask(struct{ control.Lab }{}).Code)
}
