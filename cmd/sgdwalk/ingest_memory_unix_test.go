//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sgdwalk/record/arrowfile"
)

// memoryProducer is a producer in this process whose frames go through the memory that sgdwalk ingest shares.
type memoryProducer struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *bufio.Reader
	stderr  strings.Builder
	file    *os.File
	memory  struct {
		Path          string
		Frames, Bytes int64
	}
	data []byte
	sent int64
}

// ingestMemory starts the program, and sends the header line of a stream with a request for memory.
func ingestMemory(t *testing.T, header []byte, name string, args ...string) *memoryProducer {
	t.Helper()
	p := &memoryProducer{cmd: exec.Command(name, args...)}
	p.cmd.Stderr = &p.stderr
	p.in = must(p.cmd.StdinPipe())
	p.answers = bufio.NewReader(must(p.cmd.StdoutPipe()))
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	header = bytes.Replace(header, []byte(`{"sgdwalk_stream":2`), []byte(`{"sgdwalk_stream":3,"memory":true`), 1)
	if _, err := p.in.Write(header); err != nil {
		t.Fatal(err)
	}
	line, err := p.answers.ReadBytes('\n')
	if err != nil {
		_ = p.cmd.Wait()
		t.Fatalf("%v: %s", err, p.stderr.String())
	}
	var answer struct {
		Ready  int `json:"sgdwalk_ready"`
		Memory any
	}
	answer.Memory = &p.memory
	if err := json.Unmarshal(line, &answer); err != nil || answer.Ready != 1 {
		t.Fatalf("%v: %s", err, line)
	}
	if p.memory.Path == "" {
		p.in.Close()
		_ = p.cmd.Wait()
		t.Skip("memory cannot be shared here: ", string(line))
	}
	p.file = must(os.OpenFile(p.memory.Path, os.O_RDWR, 0))
	p.data = must(unix.Mmap(int(p.file.Fd()), 0, int(4096+p.memory.Frames*p.memory.Bytes),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED))
	t.Cleanup(func() {
		_ = unix.Munmap(p.data)
		p.file.Close()
	})
	return p
}

// done is the number of frames that the program has written.
func (p *memoryProducer) done() int64 { return atomic.LoadInt64((*int64)(unsafe.Pointer(&p.data[0]))) }

// send puts a frame into the memory and announces it. It reports whether the program takes frames.
func (p *memoryProducer) send(frame []byte) bool {
	for p.done()+p.memory.Frames <= p.sent {
		if p.cmd.Process.Signal(syscall.Signal(0)) != nil || p.announce() != nil {
			return false
		}
		time.Sleep(20 * time.Microsecond)
	}
	copy(p.data[4096+p.sent%p.memory.Frames*p.memory.Bytes:], frame)
	p.sent++
	return p.announce() == nil
}

func (p *memoryProducer) announce() error {
	_, err := p.in.Write(headOf("SGDM", p.sent))
	return err
}

// headOf is a head without numbers, except at the place of the step.
func headOf(magic string, n int64) []byte {
	b := append([]byte(magic), make([]byte, 92)...)
	binary.LittleEndian.PutUint64(b[8:], uint64(n))
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b)), 0)
}

// finish sends the end and waits for the program.
func (p *memoryProducer) finish() error {
	_, _ = p.in.Write(headOf("SGDE", p.sent))
	p.in.Close()
	_, _ = io.Copy(io.Discard, p.answers)
	return p.cmd.Wait()
}

// frameOf is frame n of the stream of streamOf.
func frameOf(text []byte, frames []int, n int) []byte { return text[frames[n]:frames[n+1]] }

// TestIngestMemory: a run that comes through shared memory is the run, bit for bit, and nothing is left in the
// memory of the machine.
func TestIngestMemory(t *testing.T) {
	text, frames, reference := streamOf(t)
	dir := filepath.Join(t.TempDir(), "run")
	p := ingestMemory(t, text[:frames[0]], "sgdwalk", "ingest", "--quiet", "--ready", "--out", dir)
	for n := range reference.Len() {
		if !p.send(frameOf(text, frames, n)) {
			t.Fatalf("frame %d was not taken: %s", n, p.stderr.String())
		}
	}
	if err := p.finish(); err != nil {
		t.Fatalf("%v: %s", err, p.stderr.String())
	}
	if n, _ := prefix(t, dir, reference); n != reference.Len() {
		t.Errorf("%d rows of %d", n, reference.Len())
	}
	if s := end(t, dir); s.Status != "finished" || s.Memory != int64(reference.Len()) || !s.Complete {
		t.Errorf("%+v", s)
	}
	wantStatus(t, exitOK, "verify", dir)
	if left, _ := filepath.Glob(filepath.Dir(p.memory.Path)); len(left) != 0 {
		t.Errorf("%s is left", left)
	}
}

// TestIngestMemoryProducerDies: the program writes the frames that were announced, also those that it had not read
// when the producer died.
func TestIngestMemoryProducerDies(t *testing.T) {
	text, frames, reference := streamOf(t)
	for _, waiting := range []int{0, 1, 3} {
		dir := filepath.Join(t.TempDir(), "run")
		p := ingestMemory(t, text[:frames[0]], "sgdwalk", "ingest", "--quiet", "--ready", "--out", dir)
		rows := 5 + waiting
		for n := range rows {
			if n == 5 {
				for p.done() < 4 { // the program has the fifth
					time.Sleep(time.Millisecond)
				}
				if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			p.send(frameOf(text, frames, n))
		}
		// The next frame is incomplete: it is in the memory, and was not announced.
		copy(p.data[4096+p.sent%p.memory.Frames*p.memory.Bytes:], frameOf(text, frames, rows)[:200])
		p.in.Close()
		if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if err := p.cmd.Wait(); err == nil || !strings.Contains(p.stderr.String(), "breaks off") {
			t.Errorf("%v: %s", err, p.stderr.String())
		}
		if s := end(t, dir); s.Status != "unfinished" || s.Frames != int64(rows) {
			t.Errorf("%d frames were announced: %+v", rows, s)
		}
		if n, torn := prefix(t, dir, reference); n != rows || torn != 0 {
			t.Errorf("%d rows of %d, %d bytes torn", n, rows, torn)
		}
		wantStatus(t, exitOK, "verify", dir)
	}
}

// TestIngestMemoryKilled kills the program at random places: the rows that it has acknowledged in the memory are in
// the run, and every row in the run is the right one.
func TestIngestMemoryKilled(t *testing.T) {
	text, frames, reference := streamOf(t)
	rng := rand.New(rand.NewPCG(5, 6))
	acknowledged, rows := 0, 0
	for i := range faults(6, 300) {
		dir := filepath.Join(t.TempDir(), "run")
		p := ingestMemory(t, text[:frames[0]], "sgdwalk", "ingest", "--quiet", "--ready", "--segment-bytes", "200kB",
			"--out", dir)
		after, delay := rng.IntN(reference.Len()), time.Duration(rng.IntN(300))*time.Microsecond
		for n := range reference.Len() {
			if n == after {
				time.AfterFunc(delay, func() { _ = p.cmd.Process.Kill() })
			}
			if !p.send(frameOf(text, frames, n)) {
				break
			}
		}
		if err := p.cmd.Wait(); err == nil {
			t.Fatalf("kill %d: the program has ended without an error", i)
		}
		done := int(p.done())
		n, _ := prefix(t, dir, reference)
		if n < done || n > int(p.sent) {
			t.Fatalf("kill %d: %d rows; %d were acknowledged and %d sent", i, n, done, p.sent)
		}
		acknowledged, rows = acknowledged+done, rows+n
	}
	t.Logf("%d rows were acknowledged, %d found and compared", acknowledged, rows)
	if acknowledged == 0 {
		t.Error("no row was acknowledged")
	}
}

// TestIngestMemoryFullDisk: the program says that the disk is full, or drops rows if it may, and the rows before are
// intact.
func TestIngestMemoryFullDisk(t *testing.T) {
	text, frames, reference := streamOf(t)
	// The limit holds for the shared file too, so the stream is longer than the run that it is made of.
	const memory = 4096 + 1<<20
	for _, policy := range []string{"fail", "continue"} {
		dir := filepath.Join(t.TempDir(), "run")
		limit := int64(memory + 50_000)
		p := ingestMemory(t, text[:frames[0]], limitedName, fmt.Sprint(limit), "ingest", "--quiet", "--ready",
			"--json", "--on-record-error", policy, "--out", dir)
		size := frames[1] - frames[0]
		sent := 0
		for n := range int(2*limit) / size {
			frame := bytes.Clone(frameOf(text, frames, n%(reference.Len()-1)))
			binary.LittleEndian.PutUint64(frame[8:], uint64(n)) // its step
			binary.LittleEndian.PutUint32(frame[96:], crc32.ChecksumIEEE(frame[:96]))
			if !p.send(frame) {
				break
			}
			sent++
		}
		err := p.finish()
		s := end(t, dir)
		wantStatus(t, exitOK, "verify", dir)
		r := must(arrowfile.Open(dir))
		if r.Torn() != 0 || int64(r.Len()) != s.Rows || s.Rows < int64(memory/size/2) {
			t.Errorf("%s: %d rows, %d bytes torn, %+v", policy, r.Len(), r.Torn(), s)
		}
		r.Close()
		if policy == "fail" {
			if err == nil || s.Status != "failed" || !strings.Contains(p.stderr.String(), "file too large") {
				t.Errorf("%v: %s, %+v", err, p.stderr.String(), s)
			}
		} else if err != nil || s.Status != "finished" || s.Complete || s.Frames != int64(sent) ||
			s.Recording.Dropped != s.Frames-s.Rows {
			t.Errorf("%v: %s, %+v", err, p.stderr.String(), s)
		}
	}
}

// TestIngestMemoryCut: a producer that cuts the shared file gets one clear line, and the rows before are intact.
func TestIngestMemoryCut(t *testing.T) {
	text, frames, reference := streamOf(t)
	dir := filepath.Join(t.TempDir(), "run")
	p := ingestMemory(t, text[:frames[0]], "sgdwalk", "ingest", "--quiet", "--ready", "--out", dir)
	for n := range 3 {
		p.send(frameOf(text, frames, n))
	}
	for p.done() < 2 {
		time.Sleep(time.Millisecond)
	}
	if err := p.file.Truncate(4096); err != nil {
		t.Fatal(err)
	}
	p.sent++
	_ = p.announce()
	p.in.Close()
	if err := p.cmd.Wait(); err == nil || !strings.Contains(p.stderr.String(), "the memory of the frames") ||
		strings.Count(p.stderr.String(), "sgdwalk: ") != 1 {
		t.Errorf("%v: %s", err, p.stderr.String())
	}
	if n, torn := prefix(t, dir, reference); n < 2 || n > 3 || torn != 0 {
		t.Errorf("%d rows, %d bytes torn", n, torn)
	}
	wantStatus(t, exitOK, "verify", dir)
}
