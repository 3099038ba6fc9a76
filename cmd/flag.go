package cmd

import "errors"

// onceValue is a string flag that may be given one time, for choices of which
// KOF refuses a second: the last one must not win unnoticed.
type onceValue struct {
	value *string
	given bool
}

// Set implements pflag.Value.
func (v *onceValue) Set(s string) error {
	if v.given {
		return errors.New("it was given before, as " + *v.value + ": at most one may be chosen")
	}
	*v.value, v.given = s, true
	return nil
}

// String implements pflag.Value.
func (v *onceValue) String() string { return *v.value }

// Type implements pflag.Value.
func (v *onceValue) Type() string { return "string" }
