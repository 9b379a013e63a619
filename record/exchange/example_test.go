package exchange_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sgdwalk/record"
	"sgdwalk/record/exchange"
)

// Three checkpoints of a run become a run of three rows.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	checkpoints(dir)

	run, err := exchange.Open([]string{dir}, exchange.ImportOptions{Comment: "three checkpoints"})
	if err != nil {
		panic(err)
	}
	for _, w := range run.Warnings {
		fmt.Println("note:", strings.ReplaceAll(w, dir+string(filepath.Separator), ""))
	}
	sink, err := record.NewMemory(run.Header()) // or a run on disk
	if err != nil {
		panic(err)
	}
	if err := run.CopyTo(context.Background(), sink); err != nil {
		panic(err)
	}
	for i := range sink.Len() {
		s, _ := sink.Read(i, record.AllParts)
		fmt.Println(s.Step, s.Theta)
	}
	// Output:
	// note: the steps, 0 to 20, come from the step in the file's metadata (ckpt-0.safetensors is step 0)
	// 0 [0 1 1]
	// 10 [0.5 0.5 1]
	// 20 [1 0 1]
}

// checkpoints writes every tenth row of a run as a safetensors file.
func checkpoints(dir string) {
	h := &record.Header{
		Format: record.FormatVersion, DType: "float32", Columns: record.Columns{Theta: true},
		Layout: record.Pack(
			record.Tensor{Name: "linear.weight", Kind: record.Weight, Shape: []int{1, 2}},
			record.Tensor{Name: "linear.bias", Kind: record.Bias, Shape: []int{1}}),
	}
	run, err := record.NewMemory(h)
	if err != nil {
		panic(err)
	}
	for k := range 21 {
		x := float32(k) / 20
		if err := run.Append(&record.Step{Step: int64(k), Theta: []float32{x, 1 - x, 1}}); err != nil {
			panic(err)
		}
	}
	for row := 0; row < run.Len(); row += 10 {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("ckpt-%d.safetensors", row)))
		if err != nil {
			panic(err)
		}
		if err := exchange.WriteSafetensors(f, run, row); err != nil {
			panic(err)
		}
		if err := f.Close(); err != nil {
			panic(err)
		}
	}
}
