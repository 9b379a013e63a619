package objective_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sgdwalk/analyze/objective"
	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// BenchmarkOverhead is an evaluation by a process that does nothing: what the way
// there and back costs. least-us and median-us are of all evaluations; memcpys is the
// median in copies of theta from memory to memory, measured in between.
func BenchmarkOverhead(b *testing.B) {
	for _, p := range []int{1e3, 1e5, 1e7} {
		b.Run(fmt.Sprintf("P=%.0e", float64(p)), func(b *testing.B) {
			o := options(b, "trivial")
			o.Dir = ""
			o.Layout = record.Layout{{Name: "w", Kind: record.Weight, Shape: []int{1, p}}}
			overhead(b, start(b, o), p)
		})
	}
}

// BenchmarkPython is the same for a Python program that listens. Unless its model is nothing,
// the program sets the parameters of the model too.
func BenchmarkPython(b *testing.B) {
	interpreter := recordtest.Python(b, "torch")
	for _, model := range []string{"nothing", "arrays", "torch"} {
		for _, p := range []int{1e3, 1e5, 1e7} {
			b.Run(fmt.Sprintf("%s/P=%.0e", model, float64(p)), func(b *testing.B) {
				cmd := exec.Command(interpreter, "../../notebooks/python/testdata/bridge.py", strconv.Itoa(p), model)
				cmd.Env = append(os.Environ(), "PYTHONPATH=../../notebooks/python", "PYTHONDONTWRITEBYTECODE=1")
				cmd.Stderr = os.Stderr
				in, err := cmd.StdinPipe()
				if err != nil {
					b.Fatal(err)
				}
				out, err := cmd.StdoutPipe()
				if err != nil {
					b.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { in.Close(); cmd.Wait() })
				address, err := bufio.NewReader(out).ReadString('\n')
				if err != nil {
					b.Fatal(err)
				}
				o := objective.Options{
					Command: []string{"connect:" + strings.TrimSpace(address)},
					Layout:  record.Layout{{Name: "weight", Kind: record.Weight, Shape: []int{1, p}}},
				}
				x, err := objective.Open(b.Context(), o)
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { x.Close() })
				overhead(b, x, p)
			})
		}
	}
}

// overhead measures evaluations whose loss is the first element of theta.
func overhead(b *testing.B, x *objective.Objective, p int) {
	theta, copied := make([]float32, p), make([]float32, p)
	copy(copied, theta) // every page is there
	var evaluations, copies []time.Duration
	for b.Loop() {
		theta[0]++
		began := time.Now()
		v, err := x.Loss(b.Context(), theta)
		if evaluations = append(evaluations, time.Since(began)); err != nil || v != float64(theta[0]) {
			b.Fatal(v, err)
		}
		began = time.Now()
		copy(copied, theta)
		copies = append(copies, time.Since(began))
	}
	slices.Sort(evaluations)
	slices.Sort(copies)
	median, once := evaluations[len(evaluations)/2], copies[len(copies)/2]
	b.ReportMetric(float64(evaluations[0])/1e3, "least-us")
	b.ReportMetric(float64(median)/1e3, "median-us")
	b.ReportMetric(float64(median)/float64(once), "memcpys")
	b.ReportMetric(float64(evaluations[0])/float64(copies[0]), "least-memcpys")
}
