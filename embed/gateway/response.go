package gateway

import (
	"errors"
	"io"
	"net/http"
)

// response notes the status of an answer, and corrects it when a backend
// reports as its own what was the gateway's limit on the body.
type response struct {
	http.ResponseWriter
	status   int
	tooLarge bool
}

func (w *response) WriteHeader(status int) {
	if w.tooLarge && status >= http.StatusBadRequest {
		status = http.StatusRequestEntityTooLarge
	}
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Flush implements http.Flusher for backends that stream.
func (w *response) Flush() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Unwrap serves http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// limitedBody tells the response when the limit on the body was met.
type limitedBody struct {
	io.ReadCloser
	w *response
}

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			b.w.tooLarge = true
		}
	}
	return n, err
}

func fail(w http.ResponseWriter, status int, message string) { http.Error(w, message, status) }
