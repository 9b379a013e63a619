package op

import (
	"fmt"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
)

// testNet has two convolutions with a max pool after the first one, and a folded
// normalization with a shortcut around the second one. It ends with an average or
// with flattening and returns the matrix.
func testNet(b *Batch, x *G.Node, average bool) (*G.Node, error) {
	g := x.Graph()
	in, first, pooled, last := NewInput(9, 8, 3, 1), NewImage(9, 8, 16, 1), NewImage(4, 4, 16, 1), NewImage(4, 4, 16, 1)
	x, err := Pad[float64](b, in, x)
	if err != nil {
		return nil, err
	}
	w := tensorNode(g, "w1", normal(16*3*9, 5), 16, 3, 3, 3)
	c, y, err := NewConv[float64](b, in, first, x, w, nil, ConvOptions{Pad: 1, ReLU: true, Input: true})
	if err != nil {
		return nil, err
	}
	if y, err = MaxPool(b, first, pooled, y, c); err != nil {
		return nil, err
	}
	w = tensorNode(g, "w2", normal(16*16*9, 6), 16, 16, 3, 3)
	gamma, beta := tensorNode(g, "gamma", normal(16, 7), 16), tensorNode(g, "beta", normal(16, 8), 16)
	variance := make([]float64, 16)
	for i := range variance {
		variance[i] = 1 + float64(i)
	}
	y, err = FoldedConv(b, pooled, last, y, w, nil, gamma, beta, normal(16, 9), variance,
		FoldedOptions{Stride: 1, Pad: 1, Norm: NormOptions{ReLU: true, Residual: y, ResidualImage: pooled}})
	if err != nil {
		return nil, err
	}
	if average {
		return GlobalAverage[float64](b, last, y)
	}
	return Flatten[float64](b, last, y)
}

// TestModes: the mode, the number of workers and the block size change no bit,
// also for a smaller batch and when a graph runs again.
func TestModes(t *testing.T) {
	const size = 11
	for _, average := range []bool{false, true} {
		run := func(b *Batch) (results [][]float64) {
			g := G.NewGraph()
			y, err := testNet(b, tensorNode(g, "x", normal(size*9*8*3, 1), size, 9*8*3), average)
			if err != nil {
				t.Fatal(err)
			}
			vm := G.NewTapeMachine(g)
			defer b.Workers.Close()
			for _, rows := range []int{size, 4, 10} {
				b.Rows = rows
				if err := b.Workers.Run(vm.RunAll); err != nil {
					t.Fatal(err)
				}
				values := y.Value().Data().([]float64)
				results = append(results, slices.Clone(values[:rows*len(values)/size]))
				vm.Reset()
			}
			return results
		}
		want := run(&Batch{Size: size, Workers: NewWorkers(1)})
		for _, mode := range []Mode{Blockwise, BlockwiseForward} {
			for _, workers := range []int{1, 2, 5} {
				for _, block := range []int{1, 3, size} {
					got := run(&Batch{Size: size, Workers: NewWorkers(workers), Mode: mode, Block: block})
					if fmt.Sprint(got) != fmt.Sprint(want) {
						t.Errorf("average %v, lazy %d, %d workers, %d images at a time: differs from an eager graph",
							average, mode, workers, block)
					}
				}
			}
		}
	}
}

// TestMaxPoolOfConvolution: a max pool that computes the gradient of the
// rectified convolution before it in one pass gives the bits of two passes. The
// convolution has few weights, or so many that their gradient is split by
// channels.
func TestMaxPoolOfConvolution(t *testing.T) {
	for _, channels := range []int{4, 520} {
		in, out, pooled := NewImage(5, 4, channels, 1), NewImage(5, 4, 512, 1), NewImage(2, 2, 512, 0)
		gradient := func(joined bool) []float64 {
			const size = 7
			b := &Batch{Size: size, Rows: 6, Labels: []int32{1, 2, 3, 4, 5, 6}, Workers: NewWorkers(2)}
			defer b.Workers.Close()
			x := scatter(in, size, normal(size*5*4*channels, 1))
			k := newCheck(t, b, in.Shape(size), x, func(g *G.ExprGraph, x *G.Node) (*G.Node, error) {
				w := tensorNode(g, "w", normal(512*channels, 5), 512, channels, 1, 1)
				c, y, err := NewConv[float64](b, in, out, x, w, nil, ConvOptions{ReLU: true})
				if err != nil {
					return nil, err
				}
				if newConvSums[float64](c.v).byChannel != (channels == 520) {
					t.Errorf("%d channels: split by channels is %v", channels, channels != 520)
				}
				if !joined {
					c = nil
				}
				if y, err = MaxPool(b, out, pooled, y, c); err != nil {
					return nil, err
				}
				return Flatten[float64](b, pooled, y)
			})
			k.run(t)
			return slices.Clone(k.grad.Value().Data().([]float64)[:6*in.Len()])
		}
		if !slices.Equal(gradient(true), gradient(false)) {
			t.Errorf("%d channels: the gradient with respect to the input differs", channels)
		}
	}
}
