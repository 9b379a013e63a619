package shard

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"sgdwalk/record"
)

// NewIdentity returns the part of an identity that needs no run: the version of this program,
// the hash of its file and the hash of the options.
func NewIdentity(software string, options any) (id Identity, err error) {
	text, err := json.Marshal(options)
	if err != nil {
		return id, err
	}
	sum := sha256.Sum256(text)
	id.Software, id.Options = software, hex.EncodeToString(sum[:])
	id.Program, err = ProgramHash()
	return id, err
}

// ProgramHash returns the SHA-256 of the file that this process runs. It reads the file once.
var ProgramHash = sync.OnceValues(func() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("the program's own file: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("the program's own file: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
})

// Program returns the path of the running program, for the tasks of the plan. It is an error if
// another program made the plan, because every task would then refuse to work.
func (p *Plan) Program() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	hash, err := ProgramHash()
	if err != nil {
		return "", err
	}
	if hash != p.Identity.Program {
		return "", fmt.Errorf("the plan was made by another program: its SHA-256 is %s, that of %s is %s",
			p.Identity.Program, path, hash)
	}
	if strings.Contains(path, "go-build") && filepath.Base(filepath.Dir(path)) == "exe" {
		return "", record.Optionf("%s is removed when `go run` ends; build the program with `go build`, "+
			"and plan and submit with that", path)
	}
	return path, nil
}
