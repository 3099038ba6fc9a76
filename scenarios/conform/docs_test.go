package conform

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite docs/conform.md")

const docsHead = `# Is this a KOF?

` + "`koflab conform`" + ` looks at a KOF installation from outside and says what in it is not as KOF makes it, why, and what to do.
It only reads (HTTP GET). This page is made from the checks (` + "`go test ./scenarios/conform -run TestDocs -update`" + `).

    koflab conform                                          # the running lab
    koflab conform --target http://localhost:8082           # promxy, by a port-forward
    koflab conform --target https://grafana.example.com --grafana-token @token --kubeconfig mothership.yaml
    koflab conform --target http://localhost:8082 --logs http://localhost:9471 --traces http://localhost:10471 \
      --region east=https://admin:PASSWORD@vmauth.east.example.com --ca ca.pem -o junit > conform.xml

| flag | opens |
|---|---|
| ` + "`--target`" + ` | metrics: promxy, Grafana (by its data sources kof-metrics, kof-logs, kof-traces) or any storage with Prometheus' query API |
| ` + "`--logs`, `--audit`, `--traces`" + ` | the multilevel selects of management, or VictoriaLogs and Jaeger themselves |
| ` + "`--alertmanager`" + ` | whether alerts arrive |
| ` + "`--kubeconfig`, `--context`" + ` | management's objects: which clusters should be there, how promxy is let into the regions, what children write with |
| ` + "`--region NAME=URL`" + ` | a region's vmauth, asked directly: tells an outage from a name, a certificate or credentials that are wrong |

A check passes, fails, or is skipped with a reason. One cause shows in many places, so the checks stand in an order of causes before
consequences: what failed is named once, and later checks leave its regions and clusters out and say so. Exit codes: 0 nothing
failed, 1 a check failed, 2 wrong usage, 3 the target does not answer or no KOF stands behind it.

A cluster counts as silent when its newest sample is older than two minutes. Counters of losses are looked at over ` + "`--since`" + `.

`

// The page lists every check, with all that its report says.
func TestDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString(docsHead)
	b.WriteString("| check | area | severity | wants |\n|---|---|---|---|\n")
	for _, c := range Checks() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", c.ID, c.ID, c.Area, c.Severity, c.Title)
	}
	for _, c := range Checks() {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n- **In KOF:** %s\n- **Source:** %s\n- **Fix:** %s\n", c.ID, c.Title, c.Does, c.Source, c.Fix)
	}
	path := filepath.Join("..", "..", "docs", "conform.md")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String(), "run with -update")
}

// Every check explains itself, under a name of its own.
func TestChecksAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range checks() {
		assert.False(t, seen[c.id], "%s is there twice", c.id)
		seen[c.id] = true
		assert.Regexp(t, `^[a-z]+(-[a-z]+)*$`, c.id)
		for name, text := range map[string]string{"title": c.title, "area": c.area, "does": c.does, "source": c.source, "fix": c.fix} {
			assert.NotEmpty(t, text, "%s of %s", name, c.id)
		}
		assert.Contains(t, []Severity{Error, Warning}, c.severity, c.id)
		assert.Equal(t, len(c.hides) > 0, c.because != "", "%s: what hides something says why", c.id)
	}
}

// FuzzAnswers reads whatever a foreign server may say.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"2"]}]}}`,
		`{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`, `{"status":"error","error":"x"}`, `[]`, `{"data":{"result":7}}`, "<html><title>x</title>",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var a instantAnswer
		if err := decode(body, &a); err != nil {
			assert.NotContains(t, err.Error()[:min(len(err.Error()), 40)], "\x1b")
			return
		}
		_, _ = a.samples()
		classifyText(excerpt(body))
	})
}
