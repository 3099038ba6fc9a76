// Command koflab brings up a KOF installation - management, regional and child
// clusters with their telemetry - on one machine.
package main

import (
	"os"

	"koflab/cmd"
)

func main() { os.Exit(cmd.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
