package cmd

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"koflab/topology/lab"
	"koflab/topology/lab/control"
	"koflab/topology/lab/state"
)

// upAgain answers `up --detach` for a lab that is alive. If it is the lab that
// was asked for, all there is to do is to wait until it is ready.
func upAgain(c *cobra.Command, dir *state.Dir, o lab.Options) error {
	name := o.Spec.Name
	record, err := dir.Read()
	switch {
	case errors.Is(err, state.ErrNotFound):
		return dir.Free()
	case err != nil:
		return err
	case !o.Made(record):
		return fmt.Errorf("lab %s is running already (pid %d), with another specification or other flags; take it down with 'koflab down%s', or start another with --name",
			name, record.PID, nameArg(name))
	}
	fmt.Fprintf(c.OutOrStdout(), "lab %s is running already\n", name)
	client := control.NewClient(dir.Socket())
	defer client.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if s, err := client.Status(c.Context()); err == nil && s.Phase == control.Ready {
			return printReady(c.OutOrStdout(), s)
		}
		if !dir.Alive() {
			return fmt.Errorf("lab %s was taken down, or failed, before it was ready; start it again", name)
		}
		select {
		case <-tick.C:
		case <-c.Context().Done():
			return c.Context().Err()
		}
	}
}
