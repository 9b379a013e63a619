package main

import (
	"fmt"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

// version is the version of the program, of the archives and of the Python package. It is written into headers and
// results. CHANGELOG.md says what is new in it.
const version = "0.1.0"

const software = "sgdwalk " + version

// commit is the commit of a release, which its build sets (.ci/release). Other builds take it from Go.
var commit string

// build returns the version and the commit of the program, as --version prints them. A program that Go built without
// a commit (go run, go test, a copy of the source without git) has its version only.
func build() string {
	c := commit
	if info, ok := debug.ReadBuildInfo(); ok && c == "" {
		c = commitOf(info.Settings)
	}
	if c == "" {
		return software
	}
	return fmt.Sprintf("%s (commit %s)", software, c)
}

// commitOf returns the first 12 digits of the commit, and -modified for a source that differs from it.
func commitOf(settings []debug.BuildSetting) string {
	var revision, suffix string
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			suffix = "-modified"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + suffix
}

// versionFlag prints the version and ends the program.
type versionFlag bool

// BeforeReset is called by kong before it checks the other arguments.
func (versionFlag) BeforeReset(k *kong.Kong) error {
	fmt.Fprintln(k.Stdout, build())
	k.Exit(exitOK)
	return nil
}
