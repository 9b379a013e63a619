package main

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/alecthomas/kong"
)

// TestGrammarOfOneVerb parses with the grammar of one verb and with the grammar of all verbs: help and errors are
// the same.
func TestGrammarOfOneVerb(t *testing.T) {
	var out bytes.Buffer
	build := func(grammar any) *kong.Kong {
		p, err := newParser(grammar, new(common), &out, &out, func(int) { panic(exit{}) })
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	parse := func(p *kong.Kong, args []string) string {
		out.Reset()
		var err error
		func() {
			defer func() {
				if p := recover(); p != nil && p != any(exit{}) {
					panic(p)
				}
			}()
			_, err = p.Parse(args)
		}()
		return fmt.Sprint(&out, err)
	}
	every := build(new(cli))
	narrow := 0
	for _, verb := range every.Model.Children {
		one := build(grammarOf([]string{verb.Name}))
		if len(one.Model.Children) == 1 {
			narrow++
		}
		for _, rest := range [][]string{{}, {"--help"}, {"--nope"}, {"a", "b", "c"}, {"--json=3"}, {"--out"}} {
			args := append([]string{verb.Name}, rest...)
			if got, want := parse(one, args), parse(every, args); got != want {
				t.Errorf("%q with the grammar of one verb:\n%s\nof all verbs:\n%s", args, got, want)
			}
		}
	}
	if want := len(every.Model.Children) - 2; narrow != want { // all but help and completion
		t.Errorf("%d grammars have one verb, not %d", narrow, want)
	}
	version := []string{"--version"}
	if got, want := parse(build(grammarOf(version)), version), parse(every, version); got != want {
		t.Errorf("--version prints %q, and with the grammar of all verbs %q", got, want)
	}
}
