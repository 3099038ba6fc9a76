package kube

import (
	"crypto/tls"
	"net/http"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// adminGroup is the group that may do everything.
const adminGroup = "system:masters"

// open are paths that a real server shows to anybody.
var open = []string{"/healthz", "/livez", "/readyz", "/version"}

// guarded lets only administrators in, where there are certificates to tell by.
func guarded(config *tls.Config, h http.Handler) http.Handler {
	if config == nil || config.ClientAuth == tls.NoClientCert {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case slices.Contains(open, r.URL.Path):
		case r.TLS == nil || len(r.TLS.VerifiedChains) == 0:
			writeError(w, apierrors.NewUnauthorized("Unauthorized"))
			return
		case !slices.Contains(r.TLS.PeerCertificates[0].Subject.Organization, adminGroup):
			writeError(w, &apierrors.StatusError{ErrStatus: metav1.Status{
				Status: metav1.StatusFailure, Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden,
				Message: "forbidden: the client certificate is not of the group " + adminGroup,
			}})
			return
		}
		h.ServeHTTP(w, r)
	})
}
