package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recorder"
	"sgdwalk/record/stream"
)

// streamOf trains a small run and writes it as another program would; frames says
// where each frame ends.
func streamOf(t *testing.T) (text []byte, frames []int, reference *arrowfile.Reader) {
	t.Helper()
	reference = faultRun{Model: "mlp:8", Optimizer: "sgd", Batch: 100, Epochs: 2, Seed: 1, Grad: true}.reference(t)
	for n := 0; n <= reference.Len(); n++ { // an encoder buffers: its length is known at its end
		var b bytes.Buffer
		en, err := stream.NewEncoder(&b, reference.Header())
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			s, err := reference.Read(i, record.AllParts)
			if err != nil {
				t.Fatal(err)
			}
			if err := en.Append(&s); err != nil {
				t.Fatal(err)
			}
		}
		if err := en.Close(); err != nil {
			t.Fatal(err)
		}
		text = b.Bytes()
		frames = append(frames, len(text)-104) // without the end
	}
	return text, frames, reference
}

// ingest runs the program with a stream on its standard input.
func ingest(t *testing.T, text []byte, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command("sgdwalk", append([]string{"ingest", "--quiet"}, args...)...)
	var out, errs strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// end is how a stream ended, by what ingest keeps.
func end(t *testing.T, dir string) stream.Ingested {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, recorder.IngestName))
	if err != nil {
		t.Fatal(err)
	}
	var s stream.Ingested
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestIngest: a run that comes through a pipe is the run, bit for bit, and the
// analyses work on it.
func TestIngest(t *testing.T) {
	text, _, reference := streamOf(t)
	dir := filepath.Join(t.TempDir(), "run")
	if status, _, stderr := ingest(t, text, "--out", dir); status != exitOK {
		t.Fatalf("status %d: %s", status, stderr)
	}
	if n, _ := prefix(t, dir, reference); n != reference.Len() {
		t.Errorf("%d rows of %d", n, reference.Len())
	}
	if s := end(t, dir); s.Status != "finished" || s.Frames != int64(reference.Len()) || !s.Complete {
		t.Errorf("%+v", s)
	}
	wantStatus(t, exitOK, "verify", dir)
	wantStatus(t, exitOK, "path", dir)
	wantStatus(t, exitOK, "pca", dir)
}

// TestIngestSchedules: the recorder's schedules, budget and refusals are those of
// train.
func TestIngestSchedules(t *testing.T) {
	text, frames, reference := streamOf(t)
	dir := filepath.Join(t.TempDir(), "run")
	steps := func() (out []int64) {
		r, err := arrowfile.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for i := range r.Len() {
			s, _ := r.Read(i, record.AllParts)
			out = append(out, s.Step)
		}
		return out
	}
	last := int64(reference.Len() - 1)
	for _, c := range []struct {
		text []byte
		want int64
	}{{text, last}, {text[:frames[12]], 11}} {
		ingest(t, c.text, "--out", dir, "--record", "every:10", "--force")
		got := steps()
		if got[0] != 0 || got[1] != 10 || got[len(got)-1] != c.want {
			t.Errorf("steps %v; want every tenth and the last, %d", got, c.want)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "--out is missing"},
		{[]string{"--out", dir}, "exists already"},
		{[]string{"--out", dir + "2", "--max-bytes", "10kB"}, "--max-bytes is 10 kB"},
		{[]string{"--out", dir + "2", "--record", "often"}, "--record"},
	} {
		status, _, stderr := ingest(t, text, c.args...)
		if status == exitOK || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: status %d, %q; want one line with %q", c.args, status, stderr, c.want)
		}
		if _, err := os.Stat(dir + "2"); err == nil {
			t.Errorf("%q has left a directory", c.args)
		}
	}
}

// TestIngestBrokenOff: of a producer that dies every frame that came whole is
// recorded, no part of one, and the run says so.
func TestIngestBrokenOff(t *testing.T) {
	text, frames, reference := streamOf(t)
	for _, c := range []struct {
		cut    int
		rows   int
		status string
	}{
		{frames[5], 5, "unfinished"},
		{frames[5] + 1, 5, "torn"},
		{frames[6] - 1, 5, "torn"},
		{frames[0], 0, "unfinished"},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		status, _, stderr := ingest(t, text[:c.cut], "--out", dir)
		if status != exitFailure || strings.Count(stderr, "sgdwalk: ") != 1 || !strings.Contains(stderr, "breaks off") {
			t.Errorf("status %d: %s", status, stderr)
		}
		if s := end(t, dir); s.Status != c.status || s.Frames != int64(c.rows) {
			t.Errorf("cut after %d bytes: %+v; want %d steps, %s", c.cut, s, c.rows, c.status)
		}
		if n, torn := prefix(t, dir, reference); n != c.rows || torn != 0 {
			t.Errorf("cut after %d bytes: %d rows and %d torn bytes; want %d and none", c.cut, n, torn, c.rows)
		}
		wantStatus(t, exitOK, "verify", dir)
	}
}

// TestIngestBadSteps: steps that go backwards end the stream; what came before is
// recorded.
func TestIngestBadSteps(t *testing.T) {
	text, frames, reference := streamOf(t)
	twice := append(bytes.Clone(text[:frames[3]]), text[frames[2]:]...)
	dir := filepath.Join(t.TempDir(), "run")
	status, _, stderr := ingest(t, twice, "--out", dir)
	if status != exitFailure || !strings.Contains(stderr, "step 2") {
		t.Errorf("status %d: %s", status, stderr)
	}
	if n, _ := prefix(t, dir, reference); n != 3 {
		t.Errorf("%d rows; want 3", n)
	}
}

// TestIngestSocket: the same through a socket, which is gone afterwards.
func TestIngestSocket(t *testing.T) {
	text, _, reference := streamOf(t)
	short, err := os.MkdirTemp("", "sgdwalk") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(short)
	socket, dir := filepath.Join(short, "s"), filepath.Join(t.TempDir(), "run")
	cmd := exec.Command("sgdwalk", "ingest", "--quiet", "--listen", socket, "--out", dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var c net.Conn
	for range 500 {
		if c, err = net.Dial("unix", socket); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(text); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if n, _ := prefix(t, dir, reference); n != reference.Len() {
		t.Errorf("%d rows of %d", n, reference.Len())
	}
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the socket is left behind")
	}
}

// TestIngestReady: the line of --ready comes when the run is accepted and before any
// step, and never when the run is refused.
func TestIngestReady(t *testing.T) {
	text, frames, _ := streamOf(t)
	header := frames[0]
	dir := filepath.Join(t.TempDir(), "run")
	cmd := exec.Command("sgdwalk", "ingest", "--quiet", "--json", "--ready", "--out", dir)
	in, out := must(cmd.StdinPipe()), must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(text[:header]); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(out)
	if line, err := answers.ReadString('\n'); err != nil || line != "{\"sgdwalk_ready\":1}\n" {
		t.Fatalf("%v: %q", err, line)
	}
	if _, err := os.Stat(filepath.Join(dir, "header.json")); err != nil {
		t.Error(err)
	}
	if _, err := in.Write(text[header:]); err != nil {
		t.Fatal(err)
	}
	in.Close()
	var s stream.Ingested
	if err := json.NewDecoder(answers).Decode(&s); err != nil || s.Status != "finished" {
		t.Errorf("%v: %+v", err, s)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	for _, args := range [][]string{
		{"--out", dir},
		{"--out", dir + "2", "--sketch", "bogus"},
		{"--out", dir + "2", "--max-bytes", "10kB"},
	} {
		if status, stdout, stderr := ingest(t, text, append(args, "--ready")...); status == exitOK || stdout != "" ||
			strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: status %d, %q, %q", args, status, stdout, stderr)
		}
	}
}

// TestIngestImpossible: numbers that no training has end the stream, and are named.
func TestIngestImpossible(t *testing.T) {
	text, frames, _ := streamOf(t)
	at := frames[2]
	for _, c := range []struct {
		change func(head []byte)
		want   string
	}{
		{func(h []byte) { binary.LittleEndian.PutUint32(h[20:], math.MaxUint32) }, "the epoch is -1"},
		{func(h []byte) { binary.LittleEndian.PutUint32(h[24:], 1<<31) }, "the number of examples is -2147483648"},
		{
			func(h []byte) { binary.LittleEndian.PutUint64(h[48:], math.Float64bits(55)); h[5] |= 2 },
			"the accuracy is 55",
		},
		{
			func(h []byte) { binary.LittleEndian.PutUint64(h[48:], math.Float64bits(math.NaN())); h[5] |= 2 },
			"the accuracy is NaN",
		},
		{func(h []byte) { binary.LittleEndian.PutUint64(h[56:], math.Float64bits(-0.1)) }, "the learning rate is -0.1"},
		{func(h []byte) { h[28] = 1 }, "reserved"},
	} {
		bad := bytes.Clone(text)
		head := bad[at : at+104]
		c.change(head)
		binary.LittleEndian.PutUint32(head[96:], crc32.ChecksumIEEE(head[:96]))
		dir := filepath.Join(t.TempDir(), "run")
		status, _, stderr := ingest(t, bad, "--out", dir)
		if status != exitFailure || !strings.Contains(stderr, c.want) || strings.Count(stderr, "sgdwalk: ") != 1 {
			t.Errorf("status %d, %q; want %q", status, stderr, c.want)
		}
		if s := end(t, dir); s.Status != "failed" || s.Recording.Rows != 2 {
			t.Errorf("%s: %+v", c.want, s)
		}
	}
}

// TestIngestGroups: the header has the parameter groups, and learning_rates.csv a line at
// each step where a rate changes.
func TestIngestGroups(t *testing.T) {
	frame := func(step int64, rates ...float64) []byte {
		b := append(append([]byte("SGDF"), 0, 0, 0, 0), make([]byte, 88)...)
		binary.LittleEndian.PutUint32(b[4:], 1|1<<8|1<<13)
		binary.LittleEndian.PutUint64(b[8:], uint64(step))
		binary.LittleEndian.PutUint64(b[88:], uint64(8*len(rates)+8))
		b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
		b = append(b, 0, 0, 0, 0)
		for _, r := range rates {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(r))
		}
		return append(b, make([]byte, 8)...)
	}
	line := func(tensor string) []byte {
		return []byte(`{"sgdwalk_stream":2,"layout":[{"name":"v","kind":"bias","shape":[1]},{"name":"w","kind":"bias","shape":[1]}],"optimizer":{"name":"sgd+adam"},` +
			`"parameter_groups":[{"optimizer":{"name":"sgd","hyperparameters":{"learning_rate":0.5}},"tensors":["v"]},{"optimizer":{"name":"adam"},"tensors":["` + tensor + `"]}]}` + "\n")
	}
	dir := filepath.Join(t.TempDir(), "run")
	ingest(t, bytes.Join([][]byte{line("w"), frame(0, 0.5, 0.25), frame(1, 0.5, 0.25), frame(2, 0.5, 0.125)}, nil),
		"--out", dir)
	if text, err := os.ReadFile(filepath.Join(dir, recorder.GroupRatesName)); err != nil ||
		string(text) != "step,learning_rate_0,learning_rate_1\n0,0.5,0.25\n2,0.5,0.125\n" {
		t.Errorf("%v: %s", err, text)
	}
	r := must(arrowfile.Open(dir))
	defer r.Close()
	if g := r.Header().Groups; r.Len() != 3 || len(g) != 2 || g[0].Optimizer.Hyperparameters["learning_rate"] != 0.5 ||
		g[1].Optimizer.Name != "adam" || g[1].Tensors[0] != "w" {
		t.Errorf("%d rows, groups %+v", r.Len(), g)
	}
	for _, c := range []struct {
		text []byte
		want string
	}{{line("x"), `parameter group 1 has "x"`}, {
		append(line("w"), frame(0, 0.5, -1)...),
		"the rate of group 1 is -1",
	}, {append(line("w"), frame(0, 0.5)...), "16 bytes"}} {
		if status, _, stderr := ingest(t, c.text, "--out", dir+"2", "--force"); status != exitFailure ||
			!strings.Contains(stderr, c.want) {
			t.Errorf("status %d: %q; want %q", status, stderr, c.want)
		}
	}
}

// TestSmallestProducer runs the program of STREAM.md.
func TestSmallestProducer(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	manual, err := os.ReadFile("../../record/stream/STREAM.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("(?s)```python\n(.*?)```").FindSubmatch(manual)
	text, err := exec.Command(python, "-c", string(code[1])).Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	if status, _, stderr := ingest(t, text, "--out", dir); status != exitOK {
		t.Fatalf("status %d: %s", status, stderr)
	}
	r, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	first, _ := r.Read(0, record.AllParts)
	end, _ := r.Read(20, record.AllParts)
	if r.Len() != 21 || first.BatchLoss != record.Some(5.5) || first.LearningRate != record.Some(0.15) ||
		!end.IsLast() {
		t.Errorf("%d rows, from %+v to %+v", r.Len(), first, end)
	}
}
