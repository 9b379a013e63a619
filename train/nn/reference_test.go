package nn

import (
	"fmt"
	"math"
	"testing"
)

// picture is an image in the usual order, channel by channel.
type picture struct {
	c, h, w int
	v       []float64
}

func newPicture(c, h, w int) picture { return picture{c, h, w, make([]float64, c*h*w)} }

func (p picture) at(c, y, x int) float64 {
	if y < 0 || x < 0 || y >= p.h || x >= p.w {
		return 0
	}
	return p.v[(c*p.h+y)*p.w+x]
}

// reference computes the networks by their definition, without regard to speed
// and without the code under test: pictures channel by channel, loops over
// everything, parameters by name.
type reference struct {
	f    *fixture[float64]
	rows int
}

func (r reference) tensor(name string) []float64 {
	t, ok := r.f.g.plan.params.Lookup(name)
	if !ok {
		return nil
	}
	return r.f.theta[t.Offset : t.Offset+t.Len()]
}

func (r reference) input() []picture {
	in := r.f.g.plan.in
	out := make([]picture, r.rows)
	for i := range out {
		out[i] = newPicture(in.Channels, in.Height, in.Width)
		for y := range in.Height {
			for x := range in.Width {
				for c := range in.Channels {
					out[i].v[(c*in.Height+y)*in.Width+
						x] = float64(r.f.inputs[((i*in.Height+y)*in.Width+x)*in.Channels+c])
				}
			}
		}
	}
	return out
}

func (r reference) conv(name string, in []picture, co, k, stride, pad int) []picture {
	w, b := r.tensor(name+".weight"), r.tensor(name+".bias")
	out := make([]picture, len(in))
	for i, p := range in {
		out[i] = newPicture(co, (p.h+2*pad-k)/stride+1, (p.w+2*pad-k)/stride+1)
		for o := range co {
			for y := range out[i].h {
				for x := range out[i].w {
					sum := 0.0
					if b != nil {
						sum = b[o]
					}
					for c := range p.c {
						for ky := range k {
							for kx := range k {
								sum += w[((o*p.c+c)*k+ky)*k+kx] * p.at(c, y*stride+ky-pad, x*stride+kx-pad)
							}
						}
					}
					out[i].v[(o*out[i].h+y)*out[i].w+x] = sum
				}
			}
		}
	}
	return out
}

func (r reference) norm(name string, in []picture) []picture {
	gamma, beta := r.tensor(name+".scale"), r.tensor(name+".shift")
	out := make([]picture, len(in))
	for i, p := range in {
		out[i] = newPicture(p.c, p.h, p.w)
	}
	for c := range in[0].c {
		area := in[0].h * in[0].w
		n, mean, variance := float64(len(in)*area), 0.0, 0.0
		for _, p := range in {
			for _, v := range p.v[c*area : (c+1)*area] {
				mean += v / n
			}
		}
		for _, p := range in {
			for _, v := range p.v[c*area : (c+1)*area] {
				variance += (v - mean) * (v - mean) / n
			}
		}
		for i, p := range in {
			for j := c * area; j < (c+1)*area; j++ {
				out[i].v[j] = (p.v[j]-mean)/math.Sqrt(variance+1e-5)*gamma[c] + beta[c]
			}
		}
	}
	return out
}

func relu(in []picture) []picture {
	for _, p := range in {
		for j, v := range p.v {
			p.v[j] = math.Max(v, 0)
		}
	}
	return in
}

func pool(in []picture) []picture {
	out := make([]picture, len(in))
	for i, p := range in {
		out[i] = newPicture(p.c, p.h/2, p.w/2)
		for c := range p.c {
			for y := range p.h / 2 {
				for x := range p.w / 2 {
					out[i].v[(c*(p.h/2)+y)*(p.w/2)+x] = max(p.at(c, 2*y, 2*x), p.at(c, 2*y, 2*x+1), p.at(c, 2*y+1, 2*x),
						p.at(c, 2*y+1, 2*x+1))
				}
			}
		}
	}
	return out
}

// linear reads a picture in its order, channel by channel.
func (r reference) linear(name string, in []picture) []picture {
	w, b := r.tensor(name+".weight"), r.tensor(name+".bias")
	out := make([]picture, len(in))
	for i, p := range in {
		out[i] = newPicture(len(b), 1, 1)
		for o := range b {
			out[i].v[o] = b[o]
			for j, v := range p.v {
				out[i].v[o] += w[o*len(p.v)+j] * v
			}
		}
	}
	return out
}

func (r reference) loss(logits []picture) float64 {
	sum := 0.0
	for i, p := range logits {
		z := 0.0
		for _, v := range p.v {
			z += math.Exp(v)
		}
		sum += math.Log(z) - p.v[r.f.labels[i]]
	}
	return sum / float64(len(logits))
}

func (r reference) lenet() []picture {
	x := pool(relu(r.conv("conv1", r.input(), 6, 5, 1, 2)))
	x = pool(relu(r.conv("conv2", x, 16, 5, 1, 0)))
	x = relu(r.linear("linear1", x))
	return r.linear("linear3", relu(r.linear("linear2", x)))
}

func (r reference) vgg() []picture {
	x, n := r.input(), 0
	for _, c := range []int{64, -1, 128, -1, 256, 256, -1, 512, 512, -1, 512, 512, -1} {
		if c < 0 {
			x = pool(x)
			continue
		}
		n++
		x = relu(r.norm(fmt.Sprint("norm", n), r.conv(fmt.Sprint("conv", n), x, c, 3, 1, 1)))
	}
	x = relu(r.linear("linear1", x))
	return r.linear("linear3", relu(r.linear("linear2", x)))
}

func (r reference) resnet(blocks int, short bool) []picture {
	x := relu(r.norm("norm1", r.conv("conv1", r.input(), 16, 3, 1, 1)))
	for stage, c := range []int{16, 32, 64} {
		for block := range blocks {
			stride := 1
			if stage > 0 && block == 0 {
				stride = 2
			}
			name := fmt.Sprintf("stage%d.block%d.", stage+1, block+1)
			y := relu(r.norm(name+"norm1", r.conv(name+"conv1", x, c, 3, stride, 1)))
			y = r.norm(name+"norm2", r.conv(name+"conv2", y, c, 3, 1, 1))
			for i, p := range y {
				for j := range p.v {
					from, at := j/(p.h*p.w), j%(p.h*p.w)
					if short && from < x[i].c {
						p.v[j] += x[i].at(from, at/p.w*stride, at%p.w*stride)
					}
				}
			}
			x = relu(y)
		}
	}
	for i, p := range x {
		mean := newPicture(p.c, 1, 1)
		for j, v := range p.v {
			mean.v[j/(p.h*p.w)] += v / float64(p.h*p.w)
		}
		x[i] = mean
	}
	return r.linear("linear1", x)
}

// TestAgainstDefinition compares the losses with those of the reference.
func TestAgainstDefinition(t *testing.T) {
	for _, c := range []struct {
		spec   string
		in     Input
		rows   int
		logits func(reference) []picture
	}{
		{"lenet", Input{Height: 15, Width: 12, Channels: 1, Classes: 4}, 3, reference.lenet},
		{"lenet", Input{Height: 12, Width: 14, Channels: 3, Classes: 4}, 3, reference.lenet},
		{"vgg11", Input{Height: 32, Width: 33, Channels: 1, Classes: 3}, 1, reference.vgg},
		{
			"resnet:8",
			Input{Height: 8, Width: 7, Channels: 3, Classes: 4},
			3,
			func(r reference) []picture { return r.resnet(1, true) },
		},
		{
			"resnet:14",
			Input{Height: 5, Width: 6, Channels: 1, Classes: 4},
			3,
			func(r reference) []picture { return r.resnet(2, true) },
		},
		{
			"resnet:14:noshort",
			Input{Height: 5, Width: 6, Channels: 1, Classes: 4},
			3,
			func(r reference) []picture { return r.resnet(2, false) },
		},
	} {
		t.Run(fmt.Sprint(c.spec, " ", c.in.Channels), func(t *testing.T) {
			if underRace && c.spec == "vgg11" {
				t.Skip("takes a minute under the race detector")
			}
			f := build[float64](t, c.spec, c.in, c.rows, 2, 11)
			got, _ := f.gradient(t, c.rows)
			r := reference{f, c.rows}
			want := r.loss(c.logits(r))
			if math.Abs(got-want) > 1e-11*want {
				t.Errorf("loss %v, by definition %v", got, want)
			}
		})
	}
}
