package report

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/renderer/html"
	nethtml "golang.org/x/net/html"
)

// fill replaces every text in a report.
func fill(r *Report, s string) { fillValue(reflect.ValueOf(r).Elem(), s) }

func fillValue(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.String:
		if v.Type() != reflect.TypeFor[Outcome]() {
			v.SetString(s)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type().Field(i).Type.PkgPath() != "time" {
				fillValue(v.Field(i), s)
			}
		}
	case reflect.Slice:
		fresh := reflect.MakeSlice(v.Type(), v.Len(), v.Len()) // the old one may be shared
		reflect.Copy(fresh, v)
		for i := range fresh.Len() {
			fillValue(fresh.Index(i), s)
		}
		if !v.IsNil() {
			v.Set(fresh)
		}
	case reflect.Map:
		if v.Len() > 0 {
			m := reflect.MakeMap(v.Type())
			m.SetMapIndex(reflect.ValueOf(s), reflect.ValueOf(int64(7)))
			v.Set(m)
		}
	}
}

var hostileTexts = []string{
	"<script>alert(1)</script>", "</script><script>alert(1)//", "</style><img src=x onerror=alert(1)>", `" onmouseover="alert(1)" x="`,
	"' onfocus='alert(1)", "<!-- ", "--><svg onload=alert(1)>", "]]><x/>", "javascript:alert(1)", "[x](javascript:alert(1))", "![x](https://evil.example/a.png)",
	"<https://evil.example/\"onclick=alert(1)>", "[x](data:text/html,<script>alert(1)</script>)", "`\n<b>\n`<script>x</script>`", "<script>`</script>\n`<b onclick=x>`",
	"| a | b |\n|---|---|\n| <i> | `|` |", "```\n</pre><script>x</script>", "\x1b]0;owned\a\x1b[2J", "\x00\x01\uffff\xff\xfe\u202eabc\u2028", "&lt;script&gt;&#60;b&#62;", "{{.}}${x}`",
	"<div\n\nonclick=x>", "<?php x ?>", "<![CDATA[x]]>", "a\r\nb\tc", "[a]: <javascript:x> \"y\"\n\n[a]", "  ", "#\n\n===\n---", strings.Repeat("`", 9) + strings.Repeat(">", 9) + "1.\n" + strings.Repeat("\\", 7),
}

func TestHostileTexts(t *testing.T) {
	for _, s := range hostileTexts {
		requireWellFormed(t, s)
	}
}

func FuzzTexts(f *testing.F) {
	for _, s := range hostileTexts {
		f.Add(s)
	}
	f.Fuzz(requireWellFormed)
}

var plainSkeleton = func() []string {
	r := fewSamples()
	fill(&r, "x")
	return skeleton(r)
}()

// fewSamples is the sample with less flow, which makes no difference here.
func fewSamples() Report {
	r := sample()
	for i := range r.Runs {
		r.Runs[i].Flow = r.Runs[i].Flow[:min(len(r.Runs[i].Flow), 40)]
	}
	return r
}

// requireWellFormed wants a report full of a text to be as well formed as any,
// in all forms, and the text without effect.
func requireWellFormed(t *testing.T, s string) {
	r := fewSamples()
	fill(&r, s)
	require.NoError(t, junitViolation(written(t, WriteJUnit, r)), "%q", s)

	got, err := Decode(strings.NewReader(written(t, WriteJSON, r)))
	require.NoError(t, err, "%q", s)
	if utf8.ValidString(s) {
		require.Equal(t, s, got.Runs[1].Steps[6].Checks[0].Message)
	}

	for _, o := range []TerminalOptions{{Steps: true}, {Width: 40}} {
		var b bytes.Buffer
		require.NoError(t, WriteTerminal(&b, r, o))
		require.Equal(t, -1, strings.IndexFunc(b.String(), func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f || r == '\u202e' }), "%q", s)
	}

	requireInert(t, written(t, WriteHTML, r), s)
	if s != "" && line(s) == s && strings.TrimSpace(s) == s { // what is empty is left out
		require.Equal(t, plainSkeleton, skeleton(r), "%q", s)
	}

	var fromMarkdown bytes.Buffer
	require.NoError(t, goldmark.New(goldmark.WithRendererOptions(html.WithUnsafe())).Convert([]byte(written(t, WriteMarkdown, r)), &fromMarkdown))
	for n := range elementsOf(t, fromMarkdown.String()) {
		require.NotContains(t, []string{"script", "b", "i", "svg", "div", "iframe", "style"}, n.Data, "%q\n%s", s, fromMarkdown.String())
		for _, a := range n.Attr {
			require.False(t, strings.HasPrefix(a.Key, "on"), "%q: %s", s, a.Key)
		}
	}
}

func elementsOf(t require.TestingT, doc string) func(yield func(*nethtml.Node) bool) {
	root, err := nethtml.Parse(strings.NewReader(doc))
	require.NoError(t, err)
	return func(yield func(*nethtml.Node) bool) {
		for n := range root.Descendants() {
			if n.Type == nethtml.ElementNode && !yield(n) {
				return
			}
		}
	}
}

// requireInert wants a page to have only elements that show, only its own style
// and script, and nothing to load.
func requireInert(t *testing.T, doc, why string) {
	t.Helper()
	allowed := strings.Fields(`html head meta title style body header main section p h1 h2 h3 h4 h5 h6 svg g defs use rect line circle path text dl div dt dd small
		button i b input table thead tbody tr th td a span details summary pre figure ol ul li code cite script strong em del hr br blockquote`)
	own := map[string]string{"style": pageCSS, "script": pageJS}
	for n := range elementsOf(t, doc) {
		require.Contains(t, allowed, n.Data, "%q", why)
		if text, ok := own[n.Data]; ok {
			require.Equal(t, text, n.FirstChild.Data, "%q", why)
			require.Empty(t, n.Attr)
		}
		for _, a := range n.Attr {
			require.False(t, strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" || a.Key == "srcset", "%q: %s=%q", why, a.Key, a.Val)
			if a.Key == "href" {
				require.Regexp(t, `^(#|https?:|mailto:|/|\?|[^:]*$|[^:/?#]*[/?#])`, a.Val, "%q", why)
				scheme, _, _ := strings.Cut(strings.ToLower(a.Val), ":")
				require.NotContains(t, []string{"javascript", "vbscript", "data", "file"}, scheme, "%q", why)
			}
		}
	}
}

// skeleton is the sequence of elements of a page outside of prose, with their
// classes.
func skeleton(r Report) []string {
	var b bytes.Buffer
	if err := WriteHTML(&b, r); err != nil {
		return []string{err.Error()}
	}
	root, err := nethtml.Parse(&b)
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	var walk func(n *nethtml.Node)
	walk = func(n *nethtml.Node) {
		for _, a := range n.Attr {
			if a.Key == "class" && a.Val == "prose" {
				return
			}
		}
		if n.Type == nethtml.ElementNode {
			keys := []string{}
			for _, a := range n.Attr {
				keys = append(keys, a.Key)
			}
			slices.Sort(keys)
			out = append(out, n.Data+" "+strings.Join(keys, " "))
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
	}
	walk(root)
	return out
}
