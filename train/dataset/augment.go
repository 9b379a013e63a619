package dataset

import (
	"fmt"
	"math/rand/v2"

	"sgdwalk/train/internal/random"
)

// Augmentation changes training examples at random, as is usual for small images
// (He et al. 2016, section 4.2). It pads every side with zeros, cuts out a window
// of the original size at a random place, and mirrors half of the images left to
// right. The zero value changes nothing. Sets on which a loss is evaluated are
// never augmented.
type Augmentation struct {
	Crop int  // pixels of padding on every side; 4 is usual, 0 does not crop
	Flip bool // mirror left to right with probability 1/2
}

// maxCrop limits the padding: larger values only produce empty images.
const maxCrop = 64

// Validate checks the ranges. The error names the option, its value and the
// allowed range.
func (a Augmentation) Validate() error {
	if a.Crop < 0 || a.Crop > maxCrop {
		return &OptionError{"crop", fmt.Sprint(a.Crop), fmt.Sprintf("0 to %d pixels", maxCrop)}
	}
	return nil
}

// Gather does the same as the function [Gather], but augments every example. The
// random numbers depend on the seed, the epoch (from 1) and the index of the
// example, not on its place in a batch, so a run can be resumed or replayed from
// any step. It does not allocate.
func (a Augmentation) Gather(set Set, seed uint64, epoch int, indices []int, inputs []float32, labels []int32) {
	if a == (Augmentation{}) {
		Gather(set, indices, inputs, labels)
		return
	}
	size := set.Size()
	inputs, labels = inputs[:len(indices)*size], labels[:len(indices)]
	var g rand.PCG // on the stack, seeded for every example
	for k, i := range indices {
		random.Seed(&g, seed, purposeAugment, random.Mix(uint64(epoch))+uint64(i))
		var dy, dx int
		if a.Crop > 0 {
			dy = int(below(&g, uint64(2*a.Crop+1))) - a.Crop
			dx = int(below(&g, uint64(2*a.Crop+1))) - a.Crop
		}
		flip := a.Flip && g.Uint64()>>63 == 1
		window(inputs[k*size:(k+1)*size], set.Example(i), set, dy, dx, flip)
		labels[k] = set.Labels[i]
	}
}

// window copies to dst the window of src whose top left corner is at row dy and
// column dx, mirrored if flip is set. Pixels outside of src are zero.
func window(dst, src []float32, shape Set, dy, dx int, flip bool) {
	h, w, c := shape.Height, shape.Width, shape.Channels
	for y := range h {
		for x := range w {
			sx := x
			if flip {
				sx = w - 1 - x
			}
			out := dst[(y*w+x)*c : (y*w+x+1)*c]
			sy, sx := y+dy, sx+dx
			if sy < 0 || sy >= h || sx < 0 || sx >= w {
				clear(out)
				continue
			}
			copy(out, src[(sy*w+sx)*c:(sy*w+sx+1)*c])
		}
	}
}
