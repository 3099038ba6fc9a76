package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"koflab/topology/lab/control"
	"koflab/topology/lab/state"
)

// downTimeout bounds how long a lab may take to stop before that is an error.
const downTimeout = 30 * time.Second

func newDownCommand() *cobra.Command {
	var name string
	var all bool
	c := &cobra.Command{
		Use:   "down",
		Short: "Take a lab down and remove all it left on this machine",
		Long: `Take a lab down: its process, sockets, ports and data. Taking down a lab that
is not there is no error. A lab whose process was killed is cleaned up too.`,
		Example: `  koflab down
  koflab down --name workshop
  koflab down --all`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if !all {
				return down(c, name)
			}
			names, err := state.List()
			if err != nil {
				return err
			}
			if len(names) == 0 {
				fmt.Fprintln(c.OutOrStdout(), "there are no labs")
			}
			var errs []error
			for _, n := range names {
				errs = append(errs, down(c, n))
			}
			return errors.Join(errs...)
		},
	}
	nameFlag(c, &name)
	c.Flags().BoolVar(&all, "all", false, "take down every lab of this user")
	exclusive(c, "all", "name")
	return c
}

func down(c *cobra.Command, name string) error {
	dir, err := labDir(name)
	if err != nil {
		return err
	}
	out := c.OutOrStdout()
	if !dir.Exists() {
		fmt.Fprintf(out, "lab %s is not there: nothing to do\n", name)
		return nil
	}
	if dir.Alive() {
		ctx, cancel := context.WithTimeout(c.Context(), downTimeout)
		defer cancel()
		if err := stop(ctx, dir); err != nil {
			return fmt.Errorf("take down lab %s: %w", name, err)
		}
		fmt.Fprintf(out, "lab %s is down\n", name)
		return nil
	}
	if err := dir.Claim(); err != nil {
		return err
	}
	if err := dir.Remove(false); err != nil {
		return fmt.Errorf("remove what lab %s left: %w", name, err)
	}
	fmt.Fprintf(out, "lab %s was not running; removed what it had left\n", name)
	return nil
}

// exitTime is enough for a process that has nothing more to do than to end.
const exitTime = 2 * time.Second

// stop asks a live lab to end and waits until its process has let go of
// everything: the lab removes its own files, its lock goes last.
func stop(ctx context.Context, dir *state.Dir) error {
	client := control.NewClient(dir.Socket())
	defer client.Close()
	exit := dir.Exit()
	defer exit(exitTime)
	if err := client.Down(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for dir.Alive() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("its process has not ended after %s; see %s", downTimeout, dir.LogFile())
		}
	}
	return nil
}
