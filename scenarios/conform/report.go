package conform

import "time"

// Outcome of a check.
type Outcome string

// Outcomes. A check is skipped, with a reason, when something that it needs was not
// given, or when a cause that was found already would show in it too.
const (
	Pass Outcome = "pass"
	Fail Outcome = "fail"
	Skip Outcome = "skip"
)

// Report is what was found.
type Report struct {
	// Target is the URL, without credentials; Kind is what answers there.
	Target string `json:"target"`
	Kind   string `json:"kind"`
	// Now is the target's time.
	Now      time.Time `json:"now"`
	Regions  []string  `json:"regions"`
	Clusters []string  `json:"clusters"`
	Passed   int       `json:"passed"`
	Failed   int       `json:"failed"`
	Skipped  int       `json:"skipped"`
	// Results stand in the order of the checks: causes before consequences.
	Results []Result `json:"results"`
}

// Result is one check with what came of it.
type Result struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Area     string   `json:"area"`
	Severity Severity `json:"severity"`
	Outcome  Outcome  `json:"outcome"`
	// Reason is why it was skipped.
	Reason string `json:"reason,omitempty"`
	// Subjects are what is not right: clusters, regions, nodes.
	Subjects []string `json:"subjects,omitempty"`
	Evidence []string `json:"evidence,omitempty"`
	// Does is what KOF does here, Source where that is written.
	Does   string `json:"does"`
	Source string `json:"source"`
	// Fix is set when the check failed.
	Fix string `json:"fix,omitempty"`
}

// Description is a check without a run: for documentation and completion.
type Description struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Area     string   `json:"area"`
	Severity Severity `json:"severity"`
	Does     string   `json:"does"`
	Source   string   `json:"source"`
	Fix      string   `json:"fix"`
}

// Checks describes all checks in their order.
func Checks() []Description {
	var out []Description
	for _, c := range checks() {
		out = append(out, Description{c.id, c.title, c.area, c.severity, c.does, c.source, c.fix})
	}
	return out
}

// Failures are the results that failed.
func (r Report) Failures() []Result {
	var out []Result
	for _, x := range r.Results {
		if x.Outcome == Fail {
			out = append(out, x)
		}
	}
	return out
}
