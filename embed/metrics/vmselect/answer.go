package vmselect

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
)

// answer holds a response until it is complete.
type answer struct {
	header   http.Header
	status   int
	body     bytes.Buffer
	overflow bool
}

var errOverflow = errors.New("answer overflow")

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.body.Len()+len(p) > maxAnswerBytes {
		a.overflow = true
		return 0, errOverflow
	}
	return a.body.Write(p)
}

// Flush lets vmselect stream; the answer is sent when it is complete.
func (a *answer) Flush() {}

func (a *answer) send(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	a.WriteHeader(http.StatusOK)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // the client is gone when this fails
}
