// Release builds what users install: a Python wheel and an archive of the program for each
// platform, and the checksums of all files. The same commit gives the same bytes, on every
// machine with the same version of Go.
//
//	go run ./.ci/release --out dist
//	go run ./.ci/release --out dist --platform linux-amd64
//
// It needs Go alone, and downloads nothing but Go modules.
package main

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// platform is a system and a processor that a release is for.
type platform struct {
	goos, goarch string
	wheel        string // platform tag of wheels
}

// platforms are all platforms of a release. Programs are static, so the Linux wheels need no
// version of a C library; manylinux2014 is the oldest tag that every pip of today knows.
var platforms = []platform{
	{"linux", "amd64", "manylinux2014_x86_64"},
	{"linux", "arm64", "manylinux2014_aarch64"},
	{"darwin", "amd64", "macosx_12_0_x86_64"},
	{"darwin", "arm64", "macosx_12_0_arm64"},
	{"windows", "amd64", "win_amd64"},
}

func (p platform) String() string { return p.goos + "-" + p.goarch }

// program is the name of the program in wheels and archives.
func (p platform) program() string {
	if p.goos == "windows" {
		return "sgdwalk.exe"
	}
	return "sgdwalk"
}

func main() {
	out := flag.String("out", "dist", "directory for the files; it must be empty or missing")
	only := flag.String("platform", "", "build one platform only: "+names())
	flag.Parse()
	if err := build(*out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func names() string {
	var list []string
	for _, p := range platforms {
		list = append(list, p.String())
	}
	return strings.Join(list, ", ")
}

// build builds the chosen platforms and the file with the checksums.
func build(out, only string) error {
	chosen := slices.DeleteFunc(slices.Clone(platforms), func(p platform) bool { return only != "" && p.String() != only })
	if len(chosen) == 0 {
		return fmt.Errorf("platform is %q; allowed are %s", only, names())
	}
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty", out)
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	version, err := version()
	if err != nil {
		return err
	}
	commit, err := commit()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var files []string
	for _, p := range chosen {
		binary := filepath.Join(work, p.String(), p.program())
		if err := compile(binary, commit, p); err != nil {
			return err
		}
		program, err := os.ReadFile(binary)
		if err != nil {
			return err
		}
		for _, make := range []func(string, string, platform, []byte) (string, error){writeWheel, writeArchive} {
			name, err := make(out, version, p, program)
			if err != nil {
				return err
			}
			files = append(files, name)
		}
	}
	return writeSums(out, files)
}

// versionLine is the constant of the program's version in its source.
var versionLine = regexp.MustCompile(`(?m)^const version = "([0-9]+\.[0-9]+\.[0-9]+)"$`)

// version returns the version of the program.
func version() (string, error) {
	const source = "cmd/sgdwalk/version.go"
	text, err := os.ReadFile(source)
	if err != nil {
		return "", fmt.Errorf("%w; call it from the top of the repository", err)
	}
	m := versionLine.FindSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("%s has no line const version = \"X.Y.Z\"", source)
	}
	return string(m[1]), nil
}

// archived is the commit of a source that git archive wrote, which has no repository: git replaces the
// text of this file (.gitattributes).
//
//go:embed COMMIT
var archived string

// commit returns the first 12 digits of the commit that is built, and -modified for a source that
// differs from it.
func commit() (string, error) {
	if c := strings.TrimSpace(archived); !strings.HasPrefix(c, "$") {
		return c[:min(12, len(c))], nil
	}
	head, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "", fmt.Errorf("git rev-parse: %w; build from a clone or from git archive", err)
	}
	changed, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output()
	if err != nil {
		return "", fmt.Errorf("git status: %w", err)
	}
	c := strings.TrimSpace(string(head))
	if len(changed) > 0 {
		c += "-modified"
	}
	return c, nil
}

// compile builds the program without cgo, paths of this machine, symbols and build numbers, and without HTTP/2,
// which pages on this machine do not use.
func compile(binary, commit string, p platform) error {
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid= -X main.commit=" + commit, "-tags=nethttpomithttp2", "-o", binary, "./cmd/sgdwalk"}
	c := exec.Command("go", args...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.goos, "GOARCH="+p.goarch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=")
	c.Stderr = os.Stderr
	return c.Run()
}

// writeSums writes the SHA-256 of all files, in the form that sha256sum -c reads.
func writeSums(dir string, names []string) error {
	slices.Sort(names)
	var text strings.Builder
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		fmt.Fprintf(&text, "%s  %s\n", hex.EncodeToString(sum[:]), name)
		fmt.Printf("%s %.1f MB\n", name, float64(len(b))/1e6)
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(text.String()), 0o666)
}
