//go:build !race

package cmd_test

// fast is the speed of labs in which minutes have to pass.
const fast = "60x"
