package operators

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// FuzzBuilders gives builders whatever a CRD's schema may let pass: they may
// refuse it, but not panic, and what they make has a place.
func FuzzBuilders(f *testing.F) {
	files, err := filepath.Glob("testdata/*.in.yaml")
	require.NoError(f, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte(`spec: {issuerRef: {name: i}, secretName: s, dnsNames: [a], ipAddresses: [x], usages: [any]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var made []child
		add := func(children []child, err error) {
			if err == nil {
				made = append(made, children...)
			}
		}
		try(text, func(cr *vmCluster) { add(buildVMCluster(cr)) })
		try(text, func(cr *vmAuth) { add(buildVMAuth(cr, nil)) })
		try(text, func(cr *vmAlert) { add(buildVMAlert(cr, nil)) })
		try(text, func(cr *vmAlertmanager) { add(buildVMAlertmanager(cr, nil)) })
		try(text, func(cr *collector) { add(buildCollector(cr)) })
		try(text, func(cr *jaeger) { add(buildJaeger(cr)) })
		try(text, func(cr *grafana) { add(buildGrafana(cr, nil, "p")) })
		try(text, func(cr *certificate) { _, _ = cr.Spec.template(noon) })
		try(text, func(cr *vmUser) {
			if u, err := configUser(cr, credentials{username: "u", password: "p"}); err == nil {
				c := VMAuthConfig{Users: []VMAuthUser{u}}
				file, err := c.Marshal()
				require.NoError(t, err)
				again, err := ParseVMAuthConfig(file)
				require.NoError(t, err)
				require.Len(t, again.Users, 1)
				_, _ = again.Access()
			}
		})
		for _, c := range made {
			_, err := resourceOf(c)
			require.NoError(t, err)
		}
	})
}

func try[T any](text []byte, f func(*T)) {
	cr := new(T)
	if yaml.Unmarshal(text, cr) == nil {
		f(cr)
	}
}
