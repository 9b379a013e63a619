package dataset

import (
	"slices"
	"testing"
)

// ramp returns a set whose values are all different, and none is zero.
func ramp(n, h, w, c int) Set {
	s := Set{Height: h, Width: w, Channels: c, Classes: n, Inputs: make([]float32, n*h*w*c), Labels: make([]int32, n)}
	for i := range s.Inputs {
		s.Inputs[i] = float32(i + 1)
	}
	for i := range s.Labels {
		s.Labels[i] = int32(i)
	}
	return s
}

// TestAugmentationIsAWindow compares every augmented image with all windows of the
// padded image, mirrored or not. Exactly one must match, and all must occur about
// equally often.
func TestAugmentationIsAWindow(t *testing.T) {
	const crop, epochs = 2, 4000
	s := ramp(3, 5, 4, 3)
	before := slices.Clone(s.Inputs)
	a := Augmentation{Crop: crop, Flip: true}
	out, labels := make([]float32, s.Size()), make([]int32, 1)
	type draw struct {
		dy, dx int
		flip   bool
	}
	counts := make(map[draw]int)
	for epoch := 1; epoch <= epochs; epoch++ {
		a.Gather(s, 9, epoch, []int{1}, out, labels)
		var found []draw
		for dy := -crop; dy <= crop; dy++ {
			for dx := -crop; dx <= crop; dx++ {
				for _, flip := range []bool{false, true} {
					if isWindow(out, s, 1, dy, dx, flip) {
						found = append(found, draw{dy, dx, flip})
					}
				}
			}
		}
		if len(found) != 1 || labels[0] != 1 {
			t.Fatalf("epoch %d: image is %d windows of the original, label %d", epoch, len(found), labels[0])
		}
		counts[found[0]]++
	}
	// 50 draws, 80 expected each; 5 standard deviations are 44.
	if len(counts) != 50 {
		t.Errorf("%d of 50 windows occur", len(counts))
	}
	for d, n := range counts {
		if n < 36 || n > 124 {
			t.Errorf("%+v occurs %d times, want about 80", d, n)
		}
	}
	if !slices.Equal(before, s.Inputs) {
		t.Error("the set itself was changed")
	}
}

// isWindow compares out with a window of the padded image, pixel by pixel.
func isWindow(out []float32, s Set, example, dy, dx int, flip bool) bool {
	const border = 8
	p := pad(s, border)
	for y := range s.Height {
		for x := range s.Width {
			column := x
			if flip {
				column = s.Width - 1 - x
			}
			for c := range s.Channels {
				want := p.Example(example)[((y+dy+border)*p.Width+column+dx+border)*s.Channels+c]
				if out[(y*s.Width+x)*s.Channels+c] != want {
					return false
				}
			}
		}
	}
	return true
}

func TestAugmentationDependsOnExampleNotPlace(t *testing.T) {
	s := ramp(40, 8, 8, 1)
	a := Augmentation{Crop: 4, Flip: true}
	size := s.Size()
	all, labels := make([]float32, 40*size), make([]int32, 40)
	indices := make([]int, 40)
	for i := range indices {
		indices[i] = i
	}
	a.Gather(s, 1, 3, indices, all, labels)
	reversed := slices.Clone(indices)
	slices.Reverse(reversed)
	other := make([]float32, 40*size)
	a.Gather(s, 1, 3, reversed, other, labels)
	for i := range 40 {
		if !slices.Equal(all[i*size:(i+1)*size], other[(39-i)*size:(40-i)*size]) {
			t.Fatalf("example %d is augmented differently at another place in the batch", i)
		}
	}
	a.Gather(s, 2, 3, indices, other, labels)
	if slices.Equal(all, other) {
		t.Error("another seed augments the same way")
	}
	Augmentation{}.Gather(s, 1, 3, indices, other, labels)
	if !slices.Equal(other, s.Inputs) {
		t.Error("no augmentation changes the examples")
	}
	if n := testing.AllocsPerRun(5, func() { a.Gather(s, 1, 3, indices, other, labels) }); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}
