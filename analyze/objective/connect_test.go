package objective_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgdwalk/analyze/objective"
	"sgdwalk/record"
)

// token is that of the TCP listeners.
const token = "s3cret"

// listener evaluates half the sum of squares for whoever connects. After requests answers it
// closes the connection; 0 never does.
func listener(t *testing.T, network, address string, requests int) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			answer(conn, requests)
			conn.Close()
		}
	}()
	if network == "tcp" {
		return l.Addr().String() + "/" + token
	}
	return l.Addr().String()
}

// answer speaks the protocol over one connection.
func answer(conn net.Conn, requests int) {
	in := bufio.NewScanner(conn)
	in.Buffer(nil, 1<<20)
	if !in.Scan() {
		return
	}
	var hello struct {
		Theta  string `json:"theta"`
		Layout []any  `json:"layout"`
		Token  string `json:"token"`
	}
	if json.Unmarshal(in.Bytes(), &hello) != nil || conn.LocalAddr().Network() == "tcp" && hello.Token != token {
		return
	}
	theta, err := os.Open(hello.Theta)
	if err != nil {
		return
	}
	defer theta.Close()
	layout, _ := json.Marshal(hello.Layout)
	fmt.Fprintf(conn, `{"sgdwalk_objective": 1, "layout": %s}`+"\n", layout)
	for n := 1; in.Scan(); n++ {
		var request struct {
			ID int `json:"id"`
		}
		info, err := theta.Stat()
		if err != nil || json.Unmarshal(in.Bytes(), &request) != nil {
			return
		}
		b := make([]byte, info.Size())
		if _, err := theta.ReadAt(b, 0); err != nil {
			return
		}
		if n == requests {
			return
		}
		loss := 0.0
		for at := 0; at < len(b); at += 4 {
			v := float64(math.Float32frombits(binary.LittleEndian.Uint32(b[at:])))
			loss += v * v / 2
		}
		fmt.Fprintf(conn, `{"id": %d, "loss": %v}`+"\n", request.ID, loss)
	}
}

func connection(command ...string) objective.Options {
	return objective.Options{Command: command, Layout: record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{3}})}
}

func TestConnection(t *testing.T) {
	dir, err := os.MkdirTemp("", "objective") // short, because a path of a socket is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	for _, address := range []string{
		"unix:" + listener(t, "unix", path, 0), "tcp:" + listener(t, "tcp", "127.0.0.1:0", 0),
	} {
		for range 2 { // also a second analysis of the same listener
			o, err := objective.Open(t.Context(), connection("connect:"+address, "squares"))
			if err != nil {
				t.Fatal(err)
			}
			for k := range 3 {
				loss, err := o.Loss(t.Context(), []float32{1, 2, float32(k)})
				if want := (5 + float64(k*k)) / 2; err != nil || loss != want {
					t.Errorf("%s: loss %v, %v; want %v", address, loss, err, want)
				}
			}
			if o.Command() != "connect squares" {
				t.Errorf("the name is %q; it must not have the address, which changes", o.Command())
			}
			if err := o.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// A peer that closes the connection is an error in one line, and not started again.
func TestConnectionEnds(t *testing.T) {
	address := "connect:tcp:" + listener(t, "tcp", "127.0.0.1:0", 2)
	o, err := objective.Open(t.Context(), connection(address))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := o.Loss(t.Context(), []float32{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	_, err = o.Loss(t.Context(), []float32{1, 2, 3})
	if err == nil || !strings.Contains(err.Error(), "closed the connection") || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error is %v", err)
	}
}

// A listener refuses another token, and no error has a token in it.
func TestToken(t *testing.T) {
	address := "connect:tcp:" + listener(t, "tcp", "127.0.0.1:0", 0)
	for _, a := range []string{
		address + "x", strings.TrimSuffix(address, "/"+token), "connect:tcp:127.0.0.1:1/" + token,
		"connect:tcp:8.8.8.8:80/" + token,
	} {
		_, err := objective.Open(t.Context(), connection(a, "squares"))
		if err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", a, err)
		}
	}
}

func TestBadAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"connect:":                     "is not valid",
		"connect:unix:":                "is not valid",
		"connect:tcp:example.com:80":   "loopback",
		"connect:tcp:8.8.8.8:80":       "loopback",
		"connect:udp:127.0.0.1:1":      "is not valid",
		"connect:unix:/does/not/exist": "cannot be reached",
	} {
		if _, err := objective.Open(t.Context(), connection(address)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
	o := connection("connect:tcp:127.0.0.1:1")
	o.Procs = 2
	if _, err := objective.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "one point at a time") {
		t.Errorf("two processes: %v", err)
	}
}
