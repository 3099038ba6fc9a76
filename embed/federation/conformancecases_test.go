package federation_test

import (
	"flag"
	"fmt"
	"go/build"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/stretchr/testify/require"
)

type (
	histogramInt   = histogram.Histogram
	histogramFloat = histogram.FloatHistogram
)

var (
	update      = flag.Bool("update", false, "rewrite docs/promql-conformance.md")
	onlySkipped = flag.Bool("skipped", false, "run only the cases of testdata/promql-skips.txt, and name those that pass")
)

// upstreamFile is one of Prometheus' promqltest files, in statements.
type upstreamFile struct {
	name       string
	lines      []string
	statements []statement
}

// statement is a load, eval or clear with the lines that belong to it, the first
// of which is number line.
type statement struct {
	line, end int // 1-based; end is exclusive
	kind      string
}

func upstreamTests(t *testing.T) []upstreamFile {
	p, err := build.Import("github.com/prometheus/prometheus/promql/promqltest", ".", build.FindOnly)
	require.NoError(t, err)
	paths, err := filepath.Glob(filepath.Join(p.Dir, "testdata", "*.test"))
	require.NoError(t, err)
	require.NotEmpty(t, paths, "no upstream tests in %s", p.Dir)
	var files []upstreamFile
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		files = append(files, parseUpstream(filepath.Base(path), string(text)))
	}
	return files
}

func parseUpstream(name, text string) upstreamFile {
	f := upstreamFile{name: name, lines: strings.Split(text, "\n")}
	for i, line := range f.lines {
		line = strings.TrimSpace(line)
		n := len(f.statements)
		open := n > 0 && f.statements[n-1].end == 0
		switch word, _, _ := strings.Cut(line, " "); {
		case strings.HasPrefix(word, "eval"), strings.HasPrefix(word, "load"), word == "clear":
			if open {
				f.statements[n-1].end = i + 1
			}
			f.statements = append(f.statements, statement{line: i + 1, kind: word[:4]})
		case open && (line == "" || strings.HasPrefix(line, "#")):
			f.statements[n-1].end = i + 1
		}
	}
	if n := len(f.statements); n > 0 && f.statements[n-1].end == 0 {
		f.statements[n-1].end = len(f.lines) + 1
	}
	return f
}

func (f upstreamFile) evals() int {
	n := 0
	for _, s := range f.statements {
		if s.kind == "eval" {
			n++
		}
	}
	return n
}

// without blanks the statements that begin at the given lines, so that line
// numbers stay.
func (f upstreamFile) without(skipped map[int]string) string {
	lines := slices.Clone(f.lines)
	for _, s := range f.statements {
		if _, skip := skipped[s.line]; skip {
			for i := s.line; i < s.end; i++ {
				lines[i-1] = ""
			}
		}
	}
	return strings.Join(lines, "\n")
}

// skipList is testdata/promql-skips.txt: reasons, then per file, way and reason
// the lines of the statements that are not run.
type skipList struct {
	reasons map[string]string
	skips   map[string]map[int]string // "file way" -> line -> reason key
}

func (l skipList) of(file, way string) map[int]string { return l.skips[file+" "+way] }

const skipFile = "testdata/promql-skips.txt"

func readSkips(t *testing.T) skipList {
	text, err := os.ReadFile(skipFile)
	require.NoError(t, err)
	l := skipList{reasons: map[string]string{}, skips: map[string]map[int]string{}}
	for n, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || fields[0] == "#":
		case fields[0] == "reason":
			l.reasons[fields[1]] = strings.Join(fields[2:], " ")
		case fields[0] == "skip" && len(fields) > 4:
			require.Contains(t, l.reasons, fields[3], "%s:%d: unknown reason", skipFile, n+1)
			for _, way := range strings.Split(fields[2], ",") {
				l.add(t, fields[1]+" "+way, fields[3], fields[4:])
			}
		default:
			t.Fatalf("%s:%d: want reason KEY TEXT or skip FILE WAYS KEY LINES", skipFile, n+1)
		}
	}
	return l
}

func (l skipList) add(t *testing.T, key, reason string, ranges []string) {
	if l.skips[key] == nil {
		l.skips[key] = map[int]string{}
	}
	for _, r := range ranges {
		line, err := strconv.Atoi(r)
		require.NoError(t, err, key)
		l.skips[key][line] = reason
	}
}

// checkReport compares docs/promql-conformance.md with what was run.
func checkReport(t *testing.T, files []upstreamFile, skips skipList) {
	const path = "../../docs/promql-conformance.md"
	want := report(t, files, skips)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "run go test ./embed/federation -run Conformance -update")
}

func report(t *testing.T, files []upstreamFile, skips skipList) string {
	var b strings.Builder
	b.WriteString(reportHead)
	b.WriteString("| file | cases | direct | streamed | pushed |\n|---|---|---|---|---|\n")
	total := map[string]int{}
	byReason := map[string]map[string]int{}
	for _, f := range files {
		fmt.Fprintf(&b, "| %s | %d", f.name, f.evals())
		total["cases"] += f.evals()
		for _, w := range ways {
			skipped := skips.of(f.name, w.name)
			for line, reason := range skipped {
				require.True(t, slices.ContainsFunc(f.statements, func(s statement) bool { return s.line == line && s.kind == "eval" }),
					"%s: no case begins at %s:%d", skipFile, f.name, line)
				if byReason[reason] == nil {
					byReason[reason] = map[string]int{}
				}
				byReason[reason][w.name]++
			}
			run := f.evals() - len(skipped)
			total[w.name] += run
			fmt.Fprintf(&b, " | %d", run)
		}
		b.WriteString(" |\n")
	}
	fmt.Fprintf(&b, "| **all** | **%d** | **%d** | **%d** | **%d** |\n\n", total["cases"], total["direct"], total["streamed"], total["pushed"])
	b.WriteString("## Not run, and why\n\n| reason | direct | streamed | pushed |\n|---|---|---|---|\n")
	for _, key := range slices.Sorted(maps.Keys(skips.reasons)) {
		n := byReason[key]
		fmt.Fprintf(&b, "| %s: %s | %d | %d | %d |\n", key, skips.reasons[key], n["direct"], n["streamed"], n["pushed"])
	}
	b.WriteString("\n## The cases not run\n\nBy the line of the file at which they begin.\n\n")
	for _, f := range files {
		for _, w := range ways {
			lines := map[string][]string{}
			skipped := skips.of(f.name, w.name)
			for _, line := range slices.Sorted(maps.Keys(skipped)) {
				lines[skipped[line]] = append(lines[skipped[line]], strconv.Itoa(line))
			}
			for _, key := range slices.Sorted(maps.Keys(lines)) {
				fmt.Fprintf(&b, "- %s, %s, %s: %s\n", f.name, w.name, key, strings.Join(lines[key], " "))
			}
		}
	}
	return b.String()
}

const reportHead = `# PromQL conformance

Prometheus' own test files (promql/promqltest of the version in go.mod) run over HTTP: written by remote write,
read by the query API, three ways.

- **direct**: one region.
- **streamed**: management's federation over two regions between which the series are split, without group labels:
  the groups' series may be the same, so their samples are merged before anything is computed.
- **pushed**: the same, but the federation may take it that no series is in both: what distributes is computed at the regions.

Generated by the test that runs them (` + "`go test ./embed/federation -run Conformance -update`" + `); the list of what is not run
is ` + "`embed/federation/testdata/promql-skips.txt`" + `.

`
