package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"haven/lab"
	"haven/lab/control"
	"haven/lab/daemon"
)

const (
	defaultAddress = "127.0.0.1:4566"
	startLimit     = 30 * time.Second
	stopLimit      = 60 * time.Second
)

func newLab() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "The embedded AWS region: start it, stop it, look at it",
	}
	cmd.AddCommand(newLabStart(), newLabStop(), newLabStatus(), newLabLogs(), newLabReset(), newLabExec(), newLabPage(), newLabCertificate(), newLabFault(), newLabInit(), newLabServe())
	return cmd
}

func newLabStart() *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use: "start", Short: "Start the lab in the background; it goes on where it was", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := labDir()
			if err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("finding the own executable: %w", err)
			}
			begun := time.Now()
			status, err := daemon.Start(cmd.Context(), daemon.Options{
				Dir: dir, Wait: startLimit, Before: func() error { return lab.CheckAddress(cmd.Context(), address) },
				Init:    []string{self, "lab", "init", "--"},
				Command: []string{self, "lab", "serve", "--dir", dir, "--address", address},
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "The lab answers at %s after %s (process %d).\n", status.Endpoint, time.Since(begun).Round(time.Millisecond), status.PID)
			fmt.Fprintf(cmd.ErrOrStderr(), "See it live: %s\n", status.Page)
			if status.Realm != lab.RealmRunning {
				fmt.Fprintf(cmd.ErrOrStderr(), "Nothing can run in it: %s\n", status.Realm)
			}
			return printLeftovers(cmd.ErrOrStderr(), dir)
		},
	}
	cmd.Flags().StringVar(&address, "address", defaultAddress, "loopback address that the AWS API listens on")
	return cmd
}

func newLabStop() *cobra.Command {
	return &cobra.Command{
		Use: "stop", Short: "Stop the lab; its state is kept", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := labDir()
			if err != nil {
				return err
			}
			return stopLab(cmd, dir)
		},
	}
}

func stopLab(cmd *cobra.Command, dir string) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), stopLimit)
	defer cancel()
	running, err := daemon.Stop(ctx, dir)
	if err != nil {
		return fmt.Errorf("stopping the lab: %w", err)
	}
	if err := lab.CleanUp(dir); err != nil {
		return fmt.Errorf("clearing what the lab left: %w", err)
	}
	said := "The lab has stopped."
	if !running {
		said = "The lab was not running."
	}
	fmt.Fprintln(cmd.ErrOrStderr(), said)
	return nil
}

func newLabStatus() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "status", Short: "Tell whether the lab runs and what the account holds", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			dir, err := labDir()
			if err != nil {
				return err
			}
			status, err := control.NewClient(dir).Status(cmd.Context())
			if err != nil {
				return err
			}
			if err := printLeftovers(cmd.ErrOrStderr(), dir); err != nil {
				return err
			}
			if output == "json" {
				return printJSON(cmd.OutOrStdout(), status)
			}
			return printLabStatus(cmd.OutOrStdout(), status)
		},
	}
	addOutputFlag(cmd, &output)
	return cmd
}

func newLabPage() *cobra.Command {
	return &cobra.Command{
		Use: "page", Short: "Print the address of the lab's live page", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := labDir()
			if err != nil {
				return err
			}
			status, err := control.NewClient(dir).Status(cmd.Context())
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), status.Page)
			return nil
		},
	}
}

func printLabStatus(w io.Writer, status control.Status) error {
	fmt.Fprintf(w, "endpoint  %s\npage      %s\nprocess   %d, up %s\nregions   %v\nrealm     %s, %d namespaces\n\n",
		status.Endpoint, status.Page, status.PID, time.Since(status.Started).Round(time.Second), status.Regions, status.Realm, status.Namespaces)
	live := 0
	for _, count := range status.Resources {
		live += count.Live
	}
	if live == 0 {
		fmt.Fprintln(w, "The account is empty.")
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RESOURCES\tCOUNT")
	for _, count := range status.Resources {
		if count.Live > 0 {
			fmt.Fprintf(table, "%s\t%d\n", count.Table, count.Live)
		}
	}
	return table.Flush()
}

func newLabLogs() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use: "logs", Short: "Print the lab's log", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := labDir()
			if err != nil {
				return err
			}
			file, err := os.Open(filepath.Join(dir, daemon.LogFile))
			if errors.Is(err, os.ErrNotExist) {
				return errors.New("there is no log yet; type: haven lab start")
			}
			if err != nil {
				return err
			}
			defer file.Close()
			return copyLog(cmd.Context(), cmd.OutOrStdout(), file, follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing what is added, until interrupted")
	return cmd
}

func copyLog(ctx context.Context, w io.Writer, file io.Reader, follow bool) error {
	for {
		if _, err := io.Copy(w, file); err != nil || !follow {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func newLabReset() *cobra.Command {
	return &cobra.Command{
		Use: "reset", Short: "Stop the lab and forget everything it kept: resources, disks, databases, keys", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := labDir()
			if err != nil {
				return err
			}
			if err := stopLab(cmd, dir); err != nil {
				return err
			}
			if err := os.RemoveAll(dir); err != nil {
				return fmt.Errorf("removing the lab's state: %w", err)
			}
			fmt.Fprintln(cmd.ErrOrStderr(), "The lab is as new.")
			return nil
		},
	}
}

func newLabExec() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec INSTANCE COMMAND [ARGUMENT …]",
		Short: "Run a command on an instance of the lab, as root, as on its console",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := labDir()
			if err != nil {
				return err
			}
			request := control.ExecRequest{Instance: args[0], Command: args[1:]}
			if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice == 0 {
				if request.Stdin, err = io.ReadAll(os.Stdin); err != nil {
					return fmt.Errorf("reading the standard input: %w", err)
				}
			}
			result, err := control.NewClient(dir).Exec(cmd.Context(), request)
			if err != nil {
				return err
			}
			cmd.OutOrStdout().Write(result.Stdout)
			cmd.ErrOrStderr().Write(result.Stderr)
			if result.Exit != 0 {
				return exitError(result.Exit)
			}
			return nil
		},
		DisableFlagsInUseLine: true,
	}
	cmd.Flags().SetInterspersed(false) // what follows the instance is the command's own
	return cmd
}

func newLabInit() *cobra.Command {
	return &cobra.Command{
		Use: "init", Hidden: true, Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			code, err := daemon.Init(args)
			if err != nil {
				return err
			}
			if code != 0 {
				return exitError(code)
			}
			return nil
		},
	}
}

func newLabServe() *cobra.Command {
	var config lab.Config
	cmd := &cobra.Command{
		Use: "serve", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return lab.Serve(cmd.Context(), config)
		},
	}
	cmd.Flags().StringVar(&config.Dir, "dir", "", "folder of the lab's state")
	cmd.Flags().StringVar(&config.Address, "address", defaultAddress, "loopback address of the API")
	return cmd
}

func addOutputFlag(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", "table", "table or json")
}

func checkOutput(output string) error {
	if output != "table" && output != "json" {
		return usageError{fmt.Errorf("--output %s: it is table or json", output)}
	}
	return nil
}

func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
