// Package completion writes the scripts with which a shell completes the command line.
package completion

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"sgdwalk/train/optim"
)

// Script returns the script for a shell: bash, zsh or fish. It completes the verbs of the model,
// their flags, and the values of flags that allow only a few.
func Script(shell string, model *kong.Application) string {
	var b strings.Builder
	switch verbs := words(model); shell {
	case "bash":
		bashScript(&b, verbs)
	case "zsh":
		zshScript(&b, verbs)
	case "fish":
		fishScript(&b, verbs)
	}
	return b.String()
}

// verbWords are the words of a verb that can be completed.
type verbWords struct {
	name, help string
	flags      []flagWords
}

// flagWords is a flag, with its values where only a few are allowed.
type flagWords struct {
	name, help string
	value      bool // takes one
	values     []string
}

// words returns the verbs and flags of the command line.
func words(model *kong.Application) []verbWords {
	var out []verbWords
	for _, n := range model.Children {
		v := verbWords{name: n.Name, help: sentence(n.Help)}
		for _, group := range n.AllFlags(true) {
			for _, f := range group {
				w := flagWords{name: f.Name, help: sentence(f.Help), value: !f.IsBool() && !f.IsCounter()}
				switch {
				case f.Enum != "":
					w.values = strings.Split(f.Enum, ",")
				case f.Name == "optimizer":
					w.values = optim.Names()
				}
				v.flags = append(v.flags, w)
			}
		}
		out = append(out, v)
	}
	return out
}

// sentence returns the first sentence of a help text, without characters that would end a
// quoted text of a shell or a description in brackets.
func sentence(help string) string {
	help, _, _ = strings.Cut(help, ". ")
	help, _, _ = strings.Cut(help, " (default")
	safe := strings.NewReplacer(
		"'", "", "[", "(", "]", ")", ":", " -", "`", "", "\\", "", "$", "", "\"", "",
	).Replace(help)
	return strings.TrimSuffix(safe, ".")
}

func bashScript(b *strings.Builder, verbs []verbWords) {
	var names []string
	for _, v := range verbs {
		names = append(names, v.name)
	}
	fmt.Fprintf(b, `# Completion of sgdwalk for bash.
_sgdwalk() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ] || [ "$COMP_CWORD" -eq 2 -a "$prev" = help ]; then
    COMPREPLY=($(compgen -W "%s" -- "$cur"))
    return
  fi
  case "${COMP_WORDS[1]} $prev" in
    "completion completion") words="bash zsh fish" ;;
`, strings.Join(names, " "))
	for _, v := range verbs {
		for _, f := range v.flags {
			if f.values != nil {
				fmt.Fprintf(b, "    \"%s --%s\") words=\"%s\" ;;\n", v.name, f.name, strings.Join(f.values, " "))
			}
		}
	}
	b.WriteString("  esac\n  if [ -n \"$words\" ]; then\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n    " +
		"return\n  fi\n  case $cur in -*) ;; *)\n    COMPREPLY=($(compgen -f -- \"$cur\"))\n    return ;;\n  esac\n  " +
		"case ${COMP_WORDS[1]} in\n")
	for _, v := range verbs {
		var flags []string
		for _, f := range v.flags {
			flags = append(flags, "--"+f.name)
		}
		fmt.Fprintf(b, "    %s) words=\"%s\" ;;\n", v.name, strings.Join(flags, " "))
	}
	b.WriteString("  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o filenames -F _sgdwalk sgdwalk\n")
}

func zshScript(b *strings.Builder, verbs []verbWords) {
	b.WriteString("#compdef sgdwalk\n# Completion of sgdwalk for zsh.\n_sgdwalk() {\n  local -a verbs\n  verbs=(\n")
	for _, v := range verbs {
		fmt.Fprintf(b, "    '%s:%s'\n", v.name, v.help)
	}
	b.WriteString("  )\n  if (( CURRENT == 2 )) || (( CURRENT == 3 )) && [[ $words[2] == help ]]; then\n    " +
		"_describe verb verbs\n    return\n  fi\n" +
		"  local verb=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $verb in\n    completion) _values shell " +
		"bash zsh fish ;;\n")
	for _, v := range verbs {
		if v.name == "completion" || v.name == "help" {
			continue
		}
		fmt.Fprintf(b, "    %s) _arguments", v.name)
		for _, f := range v.flags {
			fmt.Fprintf(b, " \\\n      '--%s[%s]", f.name, f.help)
			switch {
			case f.values != nil:
				fmt.Fprintf(b, ":%s:(%s)", f.name, strings.Join(f.values, " "))
			case f.value:
				fmt.Fprintf(b, ":%s:_files", f.name)
			}
			b.WriteString("'")
		}
		b.WriteString(" \\\n      '*:file:_files' ;;\n")
	}
	b.WriteString("  esac\n}\n(( $+functions[compdef] )) && compdef _sgdwalk sgdwalk\n")
}

func fishScript(b *strings.Builder, verbs []verbWords) {
	b.WriteString("# Completion of sgdwalk for fish.\n")
	for _, v := range verbs {
		fmt.Fprintf(b, "complete -c sgdwalk -n __fish_use_subcommand -f -a %s -d '%s'\n", v.name, v.help)
	}
	b.WriteString("complete -c sgdwalk -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n")
	for _, v := range verbs {
		for _, f := range v.flags {
			fmt.Fprintf(b, "complete -c sgdwalk -n '__fish_seen_subcommand_from %s' -l %s -d '%s'",
				v.name, f.name, f.help)
			switch {
			case f.values != nil:
				fmt.Fprintf(b, " -x -a '%s'", strings.Join(f.values, " "))
			case f.value:
				b.WriteString(" -r")
			}
			b.WriteString("\n")
		}
	}
}
