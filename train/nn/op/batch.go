package op

import "fmt"

// Float is the element type of a graph: float32 for training, float64 for the
// gradient checks.
type Float interface{ float32 | float64 }

// Batch is what the ops of one graph share. Tensors have room for Size rows;
// Rows and Labels are set before each run, and an op neither reads nor writes
// the rows after the first Rows ones. So a batch that is smaller than the others
// is handled exactly, by the same graph.
type Batch struct {
	Size    int      // most rows of a batch; the first extent of every activation
	Rows    int      // rows of the current batch, from 1 to Size
	Labels  []int32  // class of each row, of length Rows; borrowed for the run
	Frozen  bool     // normalize with the running statistics instead of the batch's
	Same    bool     // parameters and running statistics are those of the run before: what was made of them is still good
	Draw    uint64   // which mask Dropout draws
	Workers *Workers // to compute with; nil for the caller's goroutine alone. Results do not depend on it

	ops     uint64
	scratch any // *scratches of the graph's element type
}

// next numbers the ops of a graph. Gorgonia merges nodes whose ops have the same
// hash and the same children, and an op that owns its result must not be merged
// with another.
func (b *Batch) next() uint64 {
	b.ops++
	return b.ops
}

// check reports a batch that the ops cannot run.
func (b *Batch) check() error {
	if b.Rows < 1 || b.Rows > b.Size {
		return fmt.Errorf("op: batch has %d rows; allowed are 1 to %d", b.Rows, b.Size)
	}
	return nil
}
