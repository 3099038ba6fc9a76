package conform

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Text writes the report for people: a line a check, and what is wrong in full.
func (r Report) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %d clusters, %d regions\n", r.Target, r.Kind, len(r.Clusters), len(r.Regions))
	area := ""
	for _, x := range r.Results {
		if x.Area != area {
			area = x.Area
			fmt.Fprintf(&b, "\n%s\n", area)
		}
		fmt.Fprintf(&b, "  %s  %-20s %s\n", x.Outcome, x.ID, x.Title)
		if x.Outcome == Skip {
			fmt.Fprintf(&b, "        skipped: %s\n", x.Reason)
		}
	}
	for _, x := range r.Failures() {
		fmt.Fprintf(&b, "\n%s: %s: not so (%s)\n", x.ID, x.Title, x.Severity)
		for _, e := range x.Evidence {
			fmt.Fprintf(&b, "  found   %s\n", e)
		}
		fmt.Fprintf(&b, "  in KOF  %s\n", x.Does)
		fmt.Fprintf(&b, "  source  %s\n", x.Source)
		fmt.Fprintf(&b, "  fix     %s\n", strings.ReplaceAll(x.Fix, "\n", "\n          "))
	}
	fmt.Fprintf(&b, "\n%s\n", r.Summary())
	_, err := io.WriteString(w, b.String())
	return err
}

// Summary is one line: how many checks passed, failed and were skipped.
func (r Report) Summary() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", r.Passed, r.Failed, r.Skipped)
}

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Skipped *junitMessage `xml:"skipped"`
	Failure *junitMessage `xml:"failure"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the report as JUnit XML: a suite an area, a case a check.
func (r Report) JUnit(w io.Writer) error {
	all := junitSuites{Name: "koflab conform", Tests: len(r.Results), Failures: r.Failed}
	at := map[string]int{}
	for _, x := range r.Results {
		i, ok := at[x.Area]
		if !ok {
			i = len(all.Suites)
			at[x.Area] = i
			all.Suites = append(all.Suites, junitSuite{Name: x.Area})
		}
		s := &all.Suites[i]
		s.Tests++
		c := junitCase{Name: x.ID + ": " + x.Title, Class: "conform." + x.Area}
		switch x.Outcome {
		case Skip:
			s.Skipped++
			c.Skipped = &junitMessage{Message: x.Reason}
		case Fail:
			s.Failures++
			c.Failure = &junitMessage{Message: strings.Join(x.Evidence, "; "), Text: "In KOF: " + x.Does + "\nFix: " + x.Fix + "\n"}
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
