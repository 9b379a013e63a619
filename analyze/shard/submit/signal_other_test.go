//go:build !unix

package submit

import "os"

func terminate(p *os.Process) error { return p.Kill() }
