package main

import (
	"github.com/alecthomas/kong"

	"sgdwalk/cmd/internal/completion"
)

// helpCmd is another spelling of --help.
type helpCmd struct {
	Verb []string `arg:"" optional:"" help:"What to explain; everything if it is left out."`
}

// Run prints the help and ends the program as --help does.
func (c *helpCmd) Run(k *kong.Context) error {
	if _, err := k.Parse(append(c.Verb, "--help")); err != nil {
		return usageError{err}
	}
	return nil
}

// completionCmd prints a script that completes the command line.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (completionCmd) Help() string {
	return `Verbs, flags and the values of flags that allow a few, in the shell that the script is for.

Examples:
  source <(sgdwalk completion bash)                                     (in ~/.bashrc)
  source <(sgdwalk completion zsh)                                      (in ~/.zshrc, after compinit)
  sgdwalk completion fish > ~/.config/fish/completions/sgdwalk.fish`
}

// Run prints the script.
func (c *completionCmd) Run(e *env, k *kong.Context) error {
	e.print(completion.Script(c.Shell, k.Model))
	return nil
}
