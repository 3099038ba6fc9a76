package autoconfig

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"koflab/topology"
)

const (
	passwordLength   = 16
	passwordAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// password makes a password for a user: a random one, or with a seed always the
// same one.
func password(seed, user string) (string, error) {
	var digest []byte
	if seed != "" {
		mac := hmac.New(sha256.New, []byte(seed))
		mac.Write([]byte(user))
		digest = mac.Sum(nil)
	}
	out := make([]byte, passwordLength)
	size := big.NewInt(int64(len(passwordAlphabet)))
	for i := range out {
		if digest != nil {
			out[i] = passwordAlphabet[int(digest[i])%len(passwordAlphabet)]
			continue
		}
		n, err := rand.Int(rand.Reader, size)
		if err != nil {
			return "", fmt.Errorf("random password for %s: %w", user, err)
		}
		out[i] = passwordAlphabet[n.Int64()]
	}
	return string(out), nil
}

// backend is a Service that the gateway's routes lead to.
type backend struct {
	url string
	// drop is how many segments of the path are the gateway's business.
	drop int
}

// backends are kof-storage's Services by the listener that a route of the stack
// profile names. Jaeger has its API at the root, so more of the path goes.
var backends = map[string]backend{
	"vminsert":            {"http://vminsert-cluster:8480", 1},
	"vmselect":            {"http://vmselect-cluster:8481", 1},
	"vlinsert":            {"http://kof-storage-victoria-logs-single-server:9428", 1},
	"vlselect":            {"http://kof-storage-victoria-logs-single-server:9428", 1},
	"vlinsert-audit-logs": {"http://kof-storage-audit-logs-server:9428", 1},
	"vlselect-audit-logs": {"http://kof-storage-audit-logs-server:9428", 1},
	"vtinsert":            {"http://kof-storage-jaeger-collector:4318", 3},
	"vtselect":            {"http://kof-storage-jaeger-query:16686", 3},
}

// vmUser is a user of a region's gateway as an object on the region. A user
// without tenant may do everything.
func vmUser(user, tenant string, stack *topology.Stack) *unstructured.Unstructured {
	var targets []any
	for _, route := range stack.Routes {
		to, ok := backends[route.To]
		if !ok {
			continue // no part of kof-storage
		}
		t := map[string]any{
			"static": map[string]any{"url": to.url},
			"paths":  []any{route.Prefix + "/.*"},
			// Prefixes have one or two segments; the first is the gateway's.
			"drop_src_path_prefix_parts": int64(to.drop),
		}
		if name, value := tenantArg(route, tenant); name != "" {
			t["query_args"] = []any{map[string]any{"name": name, "values": []any{value}}}
		}
		targets = append(targets, t)
	}
	return object(vmUsers, kofNamespace, vmUserName(user), map[string]any{
		"spec": map[string]any{
			"username":    user,
			"passwordRef": map[string]any{"name": CredentialsSecret(user), "key": "password"},
			"targetRefs":  targets,
		},
	})
}

// tenantArg is the query argument that binds requests on a route to a tenant.
func tenantArg(r topology.Route, tenant string) (name, value string) {
	if tenant == "" {
		return "", ""
	}
	label := "tenant"
	if r.Signal == "traces" {
		label = "resource_attr:tenant"
	}
	switch {
	case r.Access == "write" && r.Signal == "metrics":
		return "extra_label", "tenant=" + tenant
	case r.Access == "write":
		return "extra_fields", label + "=" + tenant
	case r.Signal == "metrics":
		return "extra_filters", "{tenant=" + strconv.Quote(tenant) + "}"
	}
	return "extra_filters", strconv.Quote(label) + ":=" + strconv.Quote(tenant)
}

// credentialsSecret holds a user's name and password.
func credentialsSecret(namespace, name string, data map[string][]byte) *unstructured.Unstructured {
	return object(secrets, namespace, name, map[string]any{"type": "Opaque", "data": encodeData(data)})
}
