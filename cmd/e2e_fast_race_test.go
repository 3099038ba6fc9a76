//go:build race

package cmd_test

// fast is the speed of labs in which minutes have to pass. Under the race
// detector a lab needs some ten times the CPU.
const fast = "10x"
