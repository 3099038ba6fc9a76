package report

import (
	"encoding/xml"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// element is what testdata/junit.xsd says of an element, for machines without
// xmllint. Children are a regular expression of "name " sequences.
type element struct {
	children string
	text     bool
	attrs    map[string]*regexp.Regexp
	optional []string
}

var (
	anyText  = regexp.MustCompile(`(?s)^.*$`)
	word     = regexp.MustCompile(`\S`)
	whole    = regexp.MustCompile(`^\d+$`)
	decimals = regexp.MustCompile(`^\d+\.\d{3}$`)
	problem  = element{text: true, attrs: map[string]*regexp.Regexp{"message": anyText, "type": word}}
	elements = map[string]element{
		"testsuites": {children: `(testsuite )*`},
		"testsuite": {children: `properties (testcase )*system-out system-err `, attrs: map[string]*regexp.Regexp{
			"package": word, "id": whole, "name": word, "hostname": word, "time": decimals,
			"timestamp": regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$`),
			"tests":     whole, "failures": whole, "errors": whole, "skipped": whole}},
		"properties": {children: `(property )*`},
		"property":   {attrs: map[string]*regexp.Regexp{"name": word, "value": anyText}},
		"testcase":   {children: `(skipped |error |failure )?`, attrs: map[string]*regexp.Regexp{"name": word, "classname": word, "time": decimals}},
		"skipped":    {attrs: map[string]*regexp.Regexp{"message": anyText}, optional: []string{"message"}},
		"error":      problem,
		"failure":    problem,
		"system-out": {text: true},
		"system-err": {text: true},
	}
)

type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []node     `xml:",any"`
}

// junitViolation says what is wrong with a document, by the table.
func junitViolation(doc string) error {
	var root node
	if err := xml.Unmarshal([]byte(doc), &root); err != nil {
		return err
	}
	if root.XMLName.Local != "testsuites" {
		return fmt.Errorf("root is %s", root.XMLName.Local)
	}
	return root.violation()
}

func (n node) violation() error {
	name := n.XMLName.Local
	want, ok := elements[name]
	if !ok {
		return fmt.Errorf("element %s is not known", name)
	}
	var children strings.Builder
	for _, c := range n.Children {
		children.WriteString(c.XMLName.Local + " ")
	}
	if !regexp.MustCompile("^" + want.children + "$").MatchString(children.String()) {
		return fmt.Errorf("%s has children %q", name, children.String())
	}
	if !want.text && strings.TrimSpace(n.Text) != "" {
		return fmt.Errorf("%s has text", name)
	}
	given := map[string]bool{}
	for _, a := range n.Attrs {
		pattern := want.attrs[a.Name.Local]
		if pattern == nil || !pattern.MatchString(a.Value) || given[a.Name.Local] {
			return fmt.Errorf("%s has %s=%q", name, a.Name.Local, a.Value)
		}
		given[a.Name.Local] = true
	}
	for a := range want.attrs {
		if !given[a] && !slices.Contains(want.optional, a) {
			return fmt.Errorf("%s has no %s", name, a)
		}
	}
	for _, c := range n.Children {
		if err := c.violation(); err != nil {
			return err
		}
	}
	return nil
}

// xmllint validates against the schema; false if there is no xmllint.
func xmllint(t *testing.T, doc string) (error, bool) {
	t.Helper()
	path, err := exec.LookPath("xmllint")
	if err != nil {
		return nil, false
	}
	c := exec.CommandContext(t.Context(), path, "--noout", "--nonet", "--schema", "testdata/junit.xsd", "-")
	c.Stdin = strings.NewReader(doc)
	out, err := c.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return err, true
}

func TestJUnitValidates(t *testing.T) {
	hostile := sample()
	fill(&hostile, "a]]>b <c d=\"e\"> \x00\x1b[31m\uffff\xff \r\n'&amp;")
	empty := sample()
	fill(&empty, "")
	for name, r := range map[string]Report{"sample": sample(), "hostile": hostile, "empty strings": empty, "no runs": {}} {
		t.Run(name, func(t *testing.T) {
			doc := written(t, WriteJUnit, r)
			require.NoError(t, junitViolation(doc))
			err, _ := xmllint(t, doc)
			require.NoError(t, err)
		})
	}
}

// The validators themselves must be able to fail.
func TestJUnitValidatorsRefuse(t *testing.T) {
	doc := written(t, WriteJUnit, sample())
	for name, edit := range map[string][2]string{
		"attribute missing": {` hostname="localhost"`, ``},
		"attribute unknown": {`<testsuites>`, `<testsuites tests="1">`},
		"order":             {`<system-err></system-err>`, `<system-err></system-err><system-out></system-out>`},
		"zone":              {`T09:00:00"`, `T09:00:00Z"`},
		"time":              {`time="0.000"`, `time="1,000.000"`},
		"unknown element":   {`<testcase `, `<testcase2/><testcase `},
		"two results":       {`</failure>`, `</failure><error message="" type="x"></error>`},
		"no type":           {` type="logsql"`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			broken := strings.Replace(doc, edit[0], edit[1], 1)
			require.NotEqual(t, doc, broken)
			require.Error(t, junitViolation(broken))
			if err, ok := xmllint(t, broken); ok {
				require.Error(t, err)
			}
		})
	}
}

// Counts add up, names are unique, and every failure tells how to repeat it.
func TestJUnitTellsTheRuns(t *testing.T) {
	r := sample()
	r.Runs = append(r.Runs, outage(), outage())
	failed := r.Runs[1]
	failed.Outcome, failed.Error, failed.Steps = Errored, "timeout after 2h: step 4: run 20m: waits for the collector of child-2\nat 3h", failed.Steps[:4]
	r.Runs = append(r.Runs, failed)
	var doc junitSuites
	require.NoError(t, xml.Unmarshal([]byte(written(t, WriteJUnit, r)), &doc))
	require.Len(t, doc.Suites, len(r.Runs))
	var names []string
	for _, s := range doc.Suites {
		names = append(names, s.Name)
		cases, bad := map[string]bool{}, 0
		for _, c := range s.Cases {
			require.False(t, cases[c.Name], c.Name)
			cases[c.Name] = true
			for _, p := range []*junitProblem{c.Failure, c.Error} {
				if p != nil {
					bad++
					require.Contains(t, p.Body, "\nreproduce: koflab scenario run "+r.Runs[s.ID].Scenario+" --seed ")
				}
			}
		}
		require.Equal(t, s.Tests, len(s.Cases))
		require.Equal(t, s.Failures+s.Errors, bad)
		require.Equal(t, r.Runs[s.ID].Outcome.Bad(), bad > 0)
	}
	require.Equal(t, []string{"region-outage-long", "region-outage-long #2", "region-outage-long #3", "region-outage-long #4"},
		[]string{names[1], names[5], names[6], names[7]})
	last := doc.Suites[7].Cases[len(doc.Suites[7].Cases)-1]
	require.Equal(t, "scenario", last.Name)
	require.Equal(t, "timeout after 2h: step 4: run 20m: waits for the collector of child-2", last.Error.Message)
}
