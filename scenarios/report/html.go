package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's template, style and script
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
)

// The page's parts. Style and script are part of the page, which loads nothing.
var (
	//go:embed page/page.html
	pageTemplate string
	//go:embed page/page.css
	pageCSS string
	//go:embed page/page.js
	pageJS string
)

// eventLimit is how many events of a run the page shows.
const eventLimit = 200

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"line":   line,
	"lines":  block,
	"mark":   mark,
	"short":  short,
	"plural": plural,
	"count":  func(n int64) string { return thousands(n) },
	"title":  stepTitle,
}).Parse(pageTemplate))

// htmlPage is what the template is given.
type htmlPage struct {
	Policy   string
	CSS      template.CSS
	JS       template.JS
	Totals   Totals
	Outcome  Outcome
	Verdict  string
	Parts    []htmlPart
	Tags     []string
	Seed     int64
	Runs     []htmlRun
	Complete bool // there is nothing to filter
}

// htmlPart is one outcome in the bar at the top of the page.
type htmlPart struct {
	Outcome  Outcome
	Word     string
	N        int
	X, Width string
}

type htmlRun struct {
	Run
	// ID is the section's address in the page: run-3.
	ID, Name         string
	ChecksPassed     int
	ChecksAll        int
	Open             bool
	Prose            template.HTML
	Timeline         *timeline
	ShownEvents      []Event
	MoreEvents       int
	StartText, Words string
}

// WriteHTML writes the report as one page that needs nothing else: no other
// file, no network. What scenarios and labs say in it is shown, never obeyed.
func WriteHTML(w io.Writer, r Report) error {
	data, err := newHTMLPage(r)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := page.Execute(&b, data); err != nil {
		return fmt.Errorf("report as HTML: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

func newHTMLPage(r Report) (htmlPage, error) {
	p := htmlPage{
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", sourceHash(pageCSS), sourceHash(pageJS)),
		CSS:    template.CSS(pageCSS), JS: template.JS(pageJS),
		Totals: r.Totals(), Outcome: r.Outcome(), Seed: r.Seed, Complete: len(r.Runs) < 2,
	}
	p.Verdict = p.Totals.verdict()
	p.Parts = p.Totals.parts()
	names := r.names()
	for i, run := range r.Runs {
		for _, tag := range run.Tags {
			if !slices.Contains(p.Tags, line(tag)) {
				p.Tags = append(p.Tags, line(tag))
			}
		}
		h := htmlRun{Run: run, ID: fmt.Sprintf("run-%d", i+1), Name: names[i], Timeline: newTimeline(run)}
		h.ChecksPassed, h.ChecksAll = run.checkCounts()
		h.Open = run.Outcome.Bad() || len(r.Runs) == 1
		h.ShownEvents = run.Events[:min(len(run.Events), eventLimit)]
		h.MoreEvents = len(run.Events) - len(h.ShownEvents)
		if !run.Start.IsZero() {
			h.StartText = run.Start.UTC().Format("2006-01-02 15:04:05Z")
		}
		h.Words = strings.ToLower(line(strings.Join([]string{run.Scenario, run.Title, strings.Join(run.Tags, " ")}, " ")))
		var err error
		if h.Prose, err = renderProse(run.Teaches); err != nil {
			return p, fmt.Errorf("scenario %s: teaches: %w", run.Scenario, err)
		}
		p.Runs = append(p.Runs, h)
	}
	slices.Sort(p.Tags)
	return p, nil
}

// sourceHash names a text in a content security policy: with it the browser runs
// this text and no other.
func sourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// verdict is the sentence on top of the page.
func (t Totals) verdict() string {
	ran := t.Runs - t.Skipped
	switch {
	case t.Runs == 0:
		return "No scenario was run"
	case ran == 0:
		return "Every scenario was skipped"
	case t.Passed == ran && ran == 1:
		return "The scenario passed"
	case t.Passed == ran:
		return fmt.Sprintf("All %d scenarios passed", ran)
	case ran == 1 && t.Failed == 1:
		return "The scenario failed"
	case ran == 1:
		return "The scenario could not run"
	}
	return fmt.Sprintf("%d of %d scenarios passed", t.Passed, ran)
}

// parts are the shares of the outcomes in the bar, from good to bad.
func (t Totals) parts() []htmlPart {
	var parts []htmlPart
	at := 0
	for _, part := range []htmlPart{
		{Outcome: Passed, Word: "passed", N: t.Passed},
		{Outcome: Failed, Word: "failed", N: t.Failed},
		{Outcome: Errored, Word: "could not run", N: t.Errored},
		{Outcome: Skipped, Word: "skipped", N: t.Skipped},
	} {
		if part.N == 0 {
			continue
		}
		part.X = decimal(100*float64(at)/float64(t.Runs)) + "%"
		part.Width = decimal(100*float64(part.N)/float64(t.Runs)) + "%"
		at += part.N
		parts = append(parts, part)
	}
	return parts
}
