package cmd

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Wrong usage of conform ends with 2, what cannot be looked at with 3.
func TestConformUsage(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir()+"/none")
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html><title>Log in</title>"))
	}))
	t.Cleanup(page.Close)
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"extra"}, 2, `unexpected argument "extra"`},
		{[]string{"-o", "xml"}, 2, "-o xml: want one of table, json, yaml, junit"},
		{[]string{"--name", "a", "--target", "http://x"}, 2, "--name and --target cannot be given together"},
		{[]string{"--logs", "http://x"}, 2, "--logs goes with --target; of a lab koflab knows it"},
		{[]string{"--since", "1s"}, 2, "--since 1s: want 1m to 24h"},
		{[]string{"--timeout", "0s"}, 2, "--timeout 0s: want more than 0"},
		{[]string{"--target", "ftp://u:secret@x"}, 2, `target "ftp://x" is not an http or https URL`},
		{[]string{"--target", page.URL, "--region", "east"}, 2, `--region "east": want NAME=URL`},
		{[]string{"--target", page.URL, "--region", "a=http://x", "--region", "a=http://y"}, 2, "--region a: it was given before"},
		{[]string{"--target", page.URL, "--user", "u"}, 2, "--user and --password-file go together"},
		{[]string{"--target", page.URL, "--user", "u", "--password-file", empty}, 2, "want a file with a secret in it"},
		{[]string{"--target", page.URL, "--grafana-token", "@" + empty}, 2, "want a file with a secret in it"},
		{[]string{"--target", page.URL, "--context", "c"}, 2, "--context needs --kubeconfig"},
		{[]string{"--target", page.URL, "--kubeconfig", "/nowhere"}, 2, "--kubeconfig /nowhere"},
		{[]string{"--target", page.URL, "--ca", empty}, 2, "the CA file has no certificate in PEM"},
		{[]string{"--list", "-o", "junit"}, 2, "--list wants one of table, json, yaml"},
		{nil, 3, "there is no lab named koflab"},
		{[]string{"--target", page.URL}, 3, "it answers a web page, not the API: Log in"},
		{[]string{"--target", "http://127.0.0.1:1"}, 3, "connection refused"},
	} {
		out, errOut, code := runMain("", append([]string{"conform"}, c.args...)...)
		assert.Equal(t, c.code, code, "%v: %s", c.args, errOut)
		assert.Contains(t, errOut, c.want, "%v", c.args)
		assert.NotContains(t, errOut, "secret@")
		assert.Empty(t, out, "%v", c.args)
	}
}

// The checks are listed without looking at anything.
func TestConformList(t *testing.T) {
	out, _, code := runMain("", "conform", "--list")
	require.Zero(t, code)
	assert.Contains(t, out, "kof-version ")
	out, _, code = runMain("", "conform", "--list", "-o", "json")
	require.Zero(t, code)
	assert.Contains(t, out, `"id": "region-certificate"`)
}
