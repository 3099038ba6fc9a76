package report

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer"
	goldhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// prose renders the Markdown of a scenario. HTML in it is shown, not obeyed, and
// images are told by their description: a report loads nothing.
var prose = goldmark.New(
	goldmark.WithExtensions(
		extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
		extension.Strikethrough),
	goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(inert{}, 100))),
)

// renderProse turns Markdown into HTML that is safe to embed.
func renderProse(markdown string) (template.HTML, error) {
	var b bytes.Buffer
	if err := prose.Convert([]byte(block(markdown)), &b); err != nil {
		return "", fmt.Errorf("render Markdown: %w", err)
	}
	return template.HTML(b.String()), nil
}

// inert renders the parts of Markdown that would do or load something.
type inert struct{}

func (inert) RegisterFuncs(reg renderer.NodeRendererFuncRegisterer) {
	reg.Register(ast.KindRawHTML, func(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			writeEscaped(w, source, n.(*ast.RawHTML).Segments)
		}
		return ast.WalkSkipChildren, nil
	})
	reg.Register(ast.KindHTMLBlock, func(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			writeEscaped(w, source, rawLines(n.(*ast.HTMLBlock)))
		}
		return ast.WalkSkipChildren, nil
	})
	reg.Register(ast.KindImage, func(util.BufWriter, []byte, ast.Node, bool) (ast.WalkStatus, error) {
		return ast.WalkContinue, nil // its children are the description
	})
	reg.Register(ast.KindLink, func(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		to := n.(*ast.Link).Destination
		switch {
		case goldhtml.IsDangerousURL(to):
		case entering:
			fmt.Fprintf(w, `<a href="%s" rel="noopener noreferrer">`, html.EscapeString(string(util.URLEscape(to, true))))
		default:
			_, _ = w.WriteString("</a>") // errors stay in the writer until it is flushed
		}
		return ast.WalkContinue, nil
	})
}

func writeEscaped(w util.BufWriter, source []byte, lines *text.Segments) {
	for _, s := range lines.Sliced(0, lines.Len()) {
		_, _ = w.WriteString(html.EscapeString(string(s.Value(source))))
	}
}

// rawLines are all lines of a block of HTML; goldmark keeps the last apart.
func rawLines(n *ast.HTMLBlock) *text.Segments {
	all := text.NewSegments()
	all.AppendAll(n.Lines().Sliced(0, n.Lines().Len()))
	if n.HasClosure() {
		all.Append(n.ClosureLine)
	}
	return all
}

// quoteProse returns Markdown to embed in other Markdown: the same, but with
// HTML in it made text.
func quoteProse(markdown string) string {
	source := []byte(block(markdown))
	for range 4 { // what was HTML can hide more of it
		var raw []text.Segment
		_ = ast.Walk(prose.Parser().Parse(text.NewReader(source)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
			if !entering {
				return ast.WalkContinue, nil
			}
			switch n := n.(type) {
			case *ast.RawHTML:
				raw = append(raw, n.Segments.Sliced(0, n.Segments.Len())...)
			case *ast.HTMLBlock:
				lines := rawLines(n)
				raw = append(raw, lines.Sliced(0, lines.Len())...)
			}
			return ast.WalkContinue, nil
		})
		if len(raw) == 0 {
			return string(source)
		}
		var b bytes.Buffer
		at := 0
		for _, s := range raw {
			if s.Start < at {
				continue
			}
			b.Write(source[at:s.Start])
			b.WriteString(strings.ReplaceAll(string(source[s.Start:s.Stop]), "<", "&lt;"))
			at = s.Stop
		}
		b.Write(source[at:])
		source = b.Bytes()
	}
	return strings.ReplaceAll(string(source), "<", "&lt;")
}
