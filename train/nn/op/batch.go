package op

import "fmt"

// Float is the element type of a graph: float32 for training, float64 for gradient
// checks.
type Float interface{ float32 | float64 }

// Batch is the state that the ops of one graph share. Tensors have memory for Size
// rows. Rows and Labels are set before each run; an op neither reads nor writes
// rows after the first Rows ones. So the same graph handles a smaller last batch
// exactly.
type Batch struct {
	Size      int      // most rows of a batch; the first extent of every activation
	Rows      int      // rows of the current batch, 1 to Size
	Labels    []int32  // class of each row, of length Rows; borrowed for the run
	Frozen    bool     // normalize with the running statistics instead of those of the batch
	Unchanged bool     // parameters and running statistics are those of the last run, so packed weights are valid
	Workers   *Workers // goroutines of the ops; nil uses the caller's goroutine only. Results do not depend on it

	Mode  Mode // when ops compute images
	Block int  // images per block in the blockwise modes, at least 1

	ops     uint64             // number of ops, for their ids
	chain   []func(imageBlock) // blockwise: computes a block of each value, in the order of the ops
	slots   chan int           // free slots; the capacity is their number, so returning a slot never waits
	scratch any                // *scratches of the graph's element type
}

// Mode says when the ops of images compute. Results do not depend on it.
//
// In the blockwise modes a few images go through all ops of images before the next
// few start. Their values are then still in the cache when the next op reads them.
// The op that ends the images, Flatten or GlobalAverage, starts this.
type Mode int

// The modes.
const (
	// WholeBatch computes a whole batch, one op after the other. Normalization with
	// the statistics of the batch needs it.
	WholeBatch Mode = iota

	// Blockwise computes block by block. The tensors have memory for the whole
	// batch, so backward ops work as usual.
	Blockwise

	// BlockwiseForward is Blockwise with memory for the blocks in work only. It
	// has no gradient.
	BlockwiseForward
)

// imageBlock is a block of images on its way through the ops: images low to high of
// the batch. In the tensors they begin at image pos. Blocks that are in work at the
// same time have different slots.
type imageBlock struct{ low, high, pos, slot int }

func (s imageBlock) count() int { return s.high - s.low }

// slotCount returns how many blocks can be in work at the same time.
func (b *Batch) slotCount() int {
	if b.Workers == nil {
		return 1
	}
	return b.Workers.count
}

// capacity returns for how many images the tensors of images have memory.
func (b *Batch) capacity() int {
	if b.Mode == BlockwiseForward {
		return b.slotCount() * b.Block
	}
	return b.Size
}

// stored returns how many images the tensors of images hold in a run.
func (b *Batch) stored() int {
	if b.Mode == BlockwiseForward {
		return b.capacity()
	}
	return b.Rows
}

// compute calls f for blocks of the given size. In the blockwise modes it does
// nothing, because runChain calls f later.
func (b *Batch) compute(size int, f func(imageBlock)) {
	if b.Mode != WholeBatch {
		return
	}
	b.blocks(b.Rows, size, func(low, high int) { f(imageBlock{low: low, high: high, pos: low}) })
}

// addToChain appends f, which computes a block of an op's result, to the chain. A
// constructor calls it when it makes the op.
func (b *Batch) addToChain(f func(imageBlock)) {
	if b.Mode != WholeBatch {
		b.chain = append(b.chain, f)
	}
}

// runChain calls f for blocks of the batch. In the blockwise modes each block goes
// through the chain first, and the block size is Batch.Block instead of size.
func (b *Batch) runChain(size int, f func(imageBlock)) {
	if b.Mode != WholeBatch {
		size = b.Block
	}
	if b.slots == nil {
		b.slots = make(chan int, b.slotCount())
		for i := range b.slotCount() {
			b.slots <- i
		}
	}
	b.blocks(b.Rows, size, func(low, high int) {
		slot := <-b.slots
		defer func() { b.slots <- slot }()
		s := imageBlock{low: low, high: high, pos: low, slot: slot}
		if b.Mode == BlockwiseForward {
			s.pos = slot * b.Block
		}
		for _, f := range b.chain {
			f(s)
		}
		f(s)
	})
}

// nextID returns a number that is unique in the graph. Gorgonia merges nodes whose
// ops have the same hash and the same inputs, but an op owns its result, so two ops
// must never be merged.
func (b *Batch) nextID() uint64 {
	b.ops++
	return b.ops
}

// checkRows returns an error unless Rows is in its range.
func (b *Batch) checkRows() error {
	if b.Rows < 1 || b.Rows > b.Size {
		return fmt.Errorf("op: batch has %d rows; allowed are 1 to %d", b.Rows, b.Size)
	}
	return nil
}
