package main

import (
	"github.com/spf13/cobra"

	"haven/drill/rights"
	"haven/drill/scenario"
)

func newDrillPermissions() *cobra.Command {
	var only []string
	var stack string
	cmd := &cobra.Command{
		Use: "permissions", Short: "Print the IAM policy that a user needs to run drills on AWS", Args: cobra.NoArgs,
		Long: "Print the IAM policy that a user needs to run drills on AWS, as JSON: the actions that the drills list, each on the resources that it is about.\n" +
			"Without a stack the names of its resources are left open, as ${Name}. docs/drills-policy.json is that one, for all drills.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(only) == 0 {
				only = []string{"failover", "regression"}
			}
			chosen, err := scenario.Select(only...)
			if err != nil {
				return usageError{err}
			}
			actions := rights.Needed(chosen)
			if stack == "" {
				document, err := rights.Policy(actions, nil)
				if err != nil {
					return err
				}
				return rights.Write(cmd.OutOrStdout(), document)
			}
			root, err := projectRoot()
			if err != nil {
				return err
			}
			known, err := stackOutputs(cmd.Context(), root, stack)
			if err != nil {
				return err
			}
			document, err := rights.Policy(actions, &known)
			if err != nil {
				return err
			}
			return rights.Write(cmd.OutOrStdout(), document)
		},
	}
	addOnlyFlag(cmd, &only)
	cmd.Flags().StringVarP(&stack, "stack", "s", "", "name the resources of this stack, which has to be up")
	return cmd
}
