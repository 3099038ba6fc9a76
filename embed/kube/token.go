package kube

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// claims are what a service account's token says.
type claims struct {
	Audience []string `json:"aud"`
	Expires  int64    `json:"exp"`
	Issued   int64    `json:"iat"`
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
}

const (
	tokenHeader  = `{"alg":"HS256","typ":"JWT"}`
	tokenIssuer  = "https://kubernetes.default.svc.cluster.local"
	tokenSubject = "system:serviceaccount:"
	// The life of a token whose client does not say, and the shortest allowed.
	tokenLife    = int64(3600)
	minTokenLife = int64(600)
)

// serveToken issues a token for a service account (TokenRequest).
func (s *Server) serveToken(q *request) error {
	if q.Method != http.MethodPost {
		return notAllowed(q)
	}
	if _, err := s.get(q); err != nil {
		return err
	}
	var t authenticationv1.TokenRequest
	if err := q.other(&t); err != nil {
		return err
	}
	if len(t.Spec.Audiences) == 0 {
		t.Spec.Audiences = []string{tokenIssuer}
	}
	if t.Spec.ExpirationSeconds == nil {
		life := tokenLife
		t.Spec.ExpirationSeconds = &life
	}
	if *t.Spec.ExpirationSeconds < minTokenLife {
		*t.Spec.ExpirationSeconds = minTokenLife
	}
	now := s.o.Now().UTC()
	end := now.Add(time.Duration(*t.Spec.ExpirationSeconds) * time.Second)
	token, err := s.sign(claims{t.Spec.Audiences, end.Unix(), now.Unix(), tokenIssuer, tokenSubject + q.ns + ":" + q.name})
	if err != nil {
		return err
	}
	t.Status = authenticationv1.TokenRequestStatus{Token: token, ExpirationTimestamp: metav1.NewTime(end)}
	t.APIVersion, t.Kind = "authentication.k8s.io/v1", "TokenRequest"
	t.Name, t.Namespace, t.CreationTimestamp = q.name, q.ns, metav1.NewTime(now)
	writeJSON(q.w, http.StatusCreated, &t)
	return nil
}

func (s *Server) sign(c claims) (string, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(tokenHeader)) + "." + base64.RawURLEncoding.EncodeToString(b)
	return text + "." + s.signature(text), nil
}

// signature is keyed by the cluster's seed: tokens of one lab mean nothing to another.
func (s *Server) signature(text string) string {
	key := s.digest("token", s.o.Name)
	h := hmac.New(sha256.New, key[:])
	_, _ = h.Write([]byte(text)) // never fails
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// checkToken says whose token it is, if it is one of ours that has not ended.
func (s *Server) checkToken(token string) authenticationv1.TokenReviewStatus {
	i := strings.LastIndexByte(token, '.')
	if i < 0 || !hmac.Equal([]byte(s.signature(token[:i])), []byte(token[i+1:])) {
		return authenticationv1.TokenReviewStatus{Error: "invalid bearer token"}
	}
	_, body, _ := strings.Cut(token[:i], ".")
	b, err := base64.RawURLEncoding.DecodeString(body)
	var c claims
	if err != nil || json.Unmarshal(b, &c) != nil {
		return authenticationv1.TokenReviewStatus{Error: "invalid bearer token"}
	}
	if s.o.Now().Unix() >= c.Expires {
		return authenticationv1.TokenReviewStatus{Error: "token is expired"}
	}
	ns, _, _ := strings.Cut(strings.TrimPrefix(c.Subject, tokenSubject), ":")
	return authenticationv1.TokenReviewStatus{Authenticated: true, Audiences: c.Audience, User: authenticationv1.UserInfo{
		Username: c.Subject, Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + ns, "system:authenticated"},
	}}
}
