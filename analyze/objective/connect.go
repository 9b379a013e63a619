package objective

import (
	"context"
	"fmt"
	"net"
	"strings"
)

// connectPrefix begins the command of a process that listens already.
const connectPrefix = "connect:"

// address returns the address of the process that listens; ok is false for a program that must
// be started. The forms are connect:unix:PATH and connect:tcp:HOST:PORT/TOKEN, where HOST is a
// loopback address. The token is optional; the first line has it, so that the process can refuse
// other users of the machine. Further words are a name for messages and results, which stays the
// same when the address changes.
func (o *Options) address() (address string, ok bool) {
	return strings.CutPrefix(o.Command[0], connectPrefix)
}

// splitAddress returns network and address for net.Dial, and the token. Its error does not have
// the token.
func splitAddress(text string) (network, address, token string, err error) {
	network, address, _ = strings.Cut(text, ":")
	switch {
	case network == "unix" && address != "":
		return network, address, "", nil
	case network == "tcp":
		address, token, _ = strings.Cut(address, "/")
		host, _, err := net.SplitHostPort(address)
		ip := net.ParseIP(host)
		if err == nil && ip != nil && ip.IsLoopback() {
			return network, address, token, nil
		}
	}
	return "", "", "", fmt.Errorf("objective: the address %q is not valid; it must be unix:PATH, or tcp:HOST:PORT with "+
		"a loopback address such as 127.0.0.1", network+":"+address)
}

// connect connects to the process that listens, and starts the goroutine that reads from it.
func (c *child) connect(ctx context.Context, text string) error {
	network, address, token, err := splitAddress(text)
	if err != nil {
		return err
	}
	d := net.Dialer{Timeout: c.o.StartTimeout}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return fmt.Errorf("objective: %s cannot be reached: %w", c.o.name(), err)
	}
	c.in, c.out, c.token = conn, conn, token
	c.readers.Go(c.read)
	return nil
}
