package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"koflab/topology/lab"
	"koflab/topology/lab/control"
	"koflab/topology/lab/state"
)

// upDetached starts the lab in a process of its own and returns when it is
// ready. If that lab is alive already, waiting is all there is to do.
func upDetached(c *cobra.Command, dir *state.Dir, o lab.Options) error {
	if dir.Alive() {
		return join(c, dir, o)
	}
	s, err := lab.Detach(c.Context(), o, dir, func(e control.Event) { _ = printStep(c, e, o.Started) })
	switch {
	case err == nil:
		return printReady(c.OutOrStdout(), s)
	case dir.Alive(): // another command was faster
		return join(c, dir, o)
	}
	return fmt.Errorf("bring up lab %s: %w", o.Spec.Name, err)
}

// join waits until a lab that another command has started is ready. It must have
// been started with the same options.
func join(c *cobra.Command, dir *state.Dir, o lab.Options) error {
	client := control.NewClient(dir.Socket())
	defer client.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := joined(c.Context(), client, dir, o)
		if err != nil {
			return err
		}
		if s.Phase == control.Ready {
			fmt.Fprintf(c.OutOrStdout(), "lab %s is running already\n", s.Name)
			return printReady(c.OutOrStdout(), s)
		}
		select {
		case <-tick.C:
		case <-c.Context().Done():
			return c.Context().Err()
		}
	}
}

// joined returns the status of the lab that is alive, empty if it is not to be
// had yet, or why it cannot be joined.
func joined(ctx context.Context, client *control.Client, dir *state.Dir, o lab.Options) (control.Status, error) {
	name := o.Spec.Name
	record, err := dir.Read()
	switch {
	case !dir.Alive():
		return control.Status{}, fmt.Errorf("lab %s was taken down, or failed, before it was ready; start it again", name)
	case errors.Is(err, state.ErrNotFound):
		return control.Status{}, nil
	case err != nil:
		return control.Status{}, err
	case !o.Made(record):
		return control.Status{}, fmt.Errorf("lab %s is running already (pid %d), with another specification or other flags; take it down with 'koflab down%s', or start another with --name",
			name, record.PID, nameArg(name))
	}
	s, err := client.Status(ctx)
	if err != nil {
		return control.Status{}, nil //nolint:nilerr // its control socket opens last
	}
	return s, nil
}
