package federation

import "fmt"

// ErrorMode is what the failure of a group does to a query.
type ErrorMode string

const (
	// Fail fails the query when one group fails: promxy's own default.
	Fail ErrorMode = "fail"
	// Downgrade answers from the other groups and adds a warning: promxy's
	// downgrade_error.
	Downgrade ErrorMode = "downgrade"
	// Ignore answers from the other groups as if nothing had happened: promxy's
	// ignore_error, which KOF sets for every server group.
	Ignore ErrorMode = "ignore"
)

// ParseErrorMode returns the mode of that name.
func ParseErrorMode(s string) (ErrorMode, error) {
	switch m := ErrorMode(s); m {
	case Fail, Downgrade, Ignore:
		return m, nil
	}
	return "", fmt.Errorf("unknown error mode %q: use fail, downgrade or ignore", s)
}
