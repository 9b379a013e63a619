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

	Lazy  Laziness // when images are computed
	Block int      // lazy: images that go through the ops together, at least 1

	ops     uint64
	chain   []func(span) // lazy: what makes the images of each value, in order
	slots   chan int     // places of which nobody makes use; the capacity is their number
	scratch any          // *scratches of the graph's element type
}

// Laziness says when the ops of images compute. Results do not depend on it.
type Laziness int

const (
	// Eager ops compute a whole batch, one op after the other. Normalization with
	// the statistics of the batch needs that.
	Eager Laziness = iota

	// Kept images are computed when an op that leaves images runs, Flatten or
	// GlobalAverage: it takes a few at a time through all ops before it, so that
	// they are in the cache when they are read. Backward ops find them as usual.
	Kept

	// Transient is Kept, but the tensors have room for the images that are on
	// their way only. There is no gradient.
	Transient
)

// span is some images on their way through a lazy graph: images low to high of
// the batch, which lie from place at on in the tensors.
// slot numbers the spans that are on their way at a time.
type span struct{ low, high, at, slot int }

// count is the number of images.
func (s span) count() int { return s.high - s.low }

// room is for how many images tensors of images are made.
func (b *Batch) room() int {
	if b.Lazy == Transient {
		return b.places() * b.Block
	}
	return b.Size
}

// places is how many spans can be on their way at a time.
func (b *Batch) places() int {
	if b.Workers == nil {
		return 1
	}
	return b.Workers.count
}

// held is how many images tensors of images have in a run.
func (b *Batch) held() int {
	if b.Lazy == Transient {
		return b.room()
	}
	return b.Rows
}

// compute makes the images of an op's result by calling f for pieces of the
// batch of the given size: now, or in a lazy graph when the images are needed.
func (b *Batch) compute(size int, f func(span)) {
	if b.Lazy != Eager {
		return
	}
	b.blocks(b.Rows, size, func(low, high int) { f(span{low: low, high: high, at: low}) })
}

// later takes part of an op of images in the order of the graph. It is called
// when the op is made.
func (b *Batch) later(f func(span)) {
	if b.Lazy != Eager {
		b.chain = append(b.chain, f)
	}
}

// spans calls f for pieces of the batch: of the given size, or in a lazy graph of
// the graph's, which have gone through all ops of images before.
func (b *Batch) spans(size int, f func(span)) {
	if b.Lazy != Eager {
		size = b.Block
	}
	if b.slots == nil {
		b.slots = make(chan int, b.places())
		for i := range b.places() {
			b.slots <- i
		}
	}
	b.blocks(b.Rows, size, func(low, high int) {
		slot := <-b.slots
		defer func() { b.slots <- slot }()
		s := span{low: low, high: high, at: low, slot: slot}
		if b.Lazy == Transient {
			s.at = slot * b.Block
		}
		for _, f := range b.chain {
			f(s)
		}
		f(s)
	})
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
