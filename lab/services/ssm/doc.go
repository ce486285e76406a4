// Package ssm is the lab's Systems Manager: Parameter Store, documents of type Command, and Run Command.
//
// Parameters have versions, labels and tags; SecureString ones are really encrypted under their KMS key. Documents are of
// schema 2.2 with the plugin aws:runShellScript; everything else is refused when they are made. A command really runs: each
// managed node is an instance whose agent reaches this service over the instance's own network and whose role may register;
// the store has what every command has come to, so that a lab that was killed goes on with what was still waiting.
//
// Not there: sessions, automation, associations, maintenance windows, patching, inventory.
package ssm
