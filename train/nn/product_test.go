package nn

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sgdwalk/train/nn/op"
)

// taped is a tape over the theta, the data and the statistics of a fixture.
type taped[T op.Float] struct {
	tape *op.Tape[T]
	base *op.Pass[T]
}

func newTaped[T op.Float](t testing.TB, f *fixture[T], rows int) *taped[T] {
	t.Helper()
	tape, err := newTape(f.g.plan, f.state,
		&op.Batch{Size: len(f.labels), Workers: f.workers, Frozen: f.g.batch.Frozen})
	if err != nil {
		t.Fatal(err)
	}
	inputs := make([]T, len(f.inputs))
	for i, v := range f.inputs {
		inputs[i] = T(v)
	}
	k := &taped[T]{tape, tape.NewPass()}
	tape.SetTheta(f.theta)
	if err := tape.Record(k.base, inputs, f.labels[:rows]); err != nil {
		t.Fatal(err)
	}
	return k
}

// product returns the product of the matrix and v.
func (k *taped[T]) product(t testing.TB, m op.Matrix, v []T) []float64 {
	t.Helper()
	sum := make([]float64, len(v))
	if err := k.tape.Product(k.base, m, v, 1, sum); err != nil {
		t.Fatal(err)
	}
	return sum
}

// direction draws a vector of length 1.
func direction[T op.Float](n int, seed uint64) []T {
	r := rand.New(rand.NewPCG(seed, 7))
	x, sum := make([]float64, n), 0.0
	for i := range x {
		x[i] = r.NormFloat64()
		sum += x[i] * x[i]
	}
	v := make([]T, n)
	for i := range v {
		v[i] = T(x[i] / math.Sqrt(sum))
	}
	return v
}

// withPlans calls f for the plan of every model, and for networks with features
// that these do not have: normalizations after convolutions with biases and
// before max pools, as in vgg11, and a convolution with so many weights that its
// product is split by channels.
func withPlans(t *testing.T, f func(t *testing.T, p *plan, rows int)) {
	t.Helper()
	run := func(name string, p *plan, err error, rows int) {
		t.Run(name, func(t *testing.T) {
			if err != nil {
				t.Fatal(err)
			}
			f(t, p, rows)
		})
	}
	for _, m := range models {
		p, err := parse(m.spec, m.in)
		run(m.spec, p, err, m.rows)
	}
	same := convStyle{size: 3, stride: 1, pad: 1, bias: true}
	p := newPlan("normalized and pooled", Input{Height: 7, Width: 6, Channels: 2, Classes: 3})
	x := p.pool(p.norm("norm1", p.conv("conv1", p.input(), 5, same), nil))
	x = p.pool(p.norm("norm2", p.conv("conv2", x, 17, same), nil))
	p.linear("linear2", p.linear("linear1", p.flatten(x), 4, true), 3, false)
	q, err := p.finish()
	run(p.spec, q, err, 6)

	same.relu = true
	p = newPlan("many weights", Input{Height: 3, Width: 3, Channels: 1, Classes: 2})
	x = p.conv("conv2", p.conv("conv1", p.input(), 128, same), 256, same)
	p.linear("linear1", p.flatten(p.pool(x)), 2, false)
	q, err = p.finish()
	run(p.spec, q, err, 3)
}

// differences returns the central difference of the gradient along v. In float64
// its error is about 1e-16/h from rounding and h^2 from the fourth derivative.
func differences(t testing.TB, f *fixture[float64], rows int, v []float64) []float64 {
	t.Helper()
	const h = 1e-6
	var sides [2][]float64
	for k, sign := range []float64{1, -1} {
		for i := range v {
			f.theta[i] += sign * h * v[i]
		}
		_, sides[k] = f.gradient(t, rows)
		for i := range v {
			f.theta[i] -= sign * h * v[i]
		}
	}
	for i := range v {
		sides[0][i] = (sides[0][i] - sides[1][i]) / (2 * h)
	}
	return sides[0]
}

// TestProductAgainstDifferences compares products with central differences of the
// gradient, in float64, with the statistics of the batch and with fixed ones, for
// full and for smaller batches. The seeds were not chosen; no step of these
// crosses a kink.
func TestProductAgainstDifferences(t *testing.T) {
	withPlans(t, func(t *testing.T, p *plan, rows int) {
		for _, frozen := range []bool{false, true}[:1+min(1, len(p.state))] {
			f := buildPlan[float64](t, p, rows, 2, 3)
			f.g.batch.Frozen = frozen
			v := direction[float64](len(f.theta), 5)
			for _, n := range []int{rows, rows - 1} {
				got, want := newTaped(t, f, n).product(t, op.Hessian, v), differences(t, f, n, v)
				size := math.Sqrt(dot(want, want))
				for _, q := range p.params { // one by one: a small tensor must not hide behind the others
					g, w := got[q.Offset:q.Offset+q.Len()], want[q.Offset:q.Offset+q.Len()]
					apart := make([]float64, len(g))
					for i := range g {
						apart[i] = g[i] - w[i]
					}
					if d := math.Sqrt(dot(apart, apart)); !(d <= 1e-6*math.Sqrt(dot(w, w))+1e-9*size) {
						t.Errorf("%d rows, frozen %v: %s differs by %.2g; the product's length is %.2g",
							n, frozen, q.Name, d, size)
					}
				}
			}
		}
	})
}

// TestGaussNewton: the Gauss-Newton matrix is the expectation of the Hessian over
// labels that are drawn from the network's own probabilities, because the mean of
// the derivative of the loss with respect to the logits is then 0.
func TestGaussNewton(t *testing.T) {
	withPlans(t, func(t *testing.T, p *plan, _ int) {
		const rows = 2
		f, classes := buildPlan[float64](t, p, rows, 2, 3), p.in.Classes
		v := direction[float64](len(f.theta), 5)
		got, want := newTaped(t, f, rows).product(t, op.GaussNewton, v), make([]float64, len(v))
		total := 0.0
		for drawn := range classes * classes {
			f.labels[0], f.labels[1] = int32(drawn/classes), int32(drawn%classes)
			loss, _ := f.gradient(t, rows)
			probability := math.Exp(-rows * loss)
			total += probability
			for i, h := range newTaped(t, f, rows).product(t, op.Hessian, v) {
				want[i] += probability * h
			}
		}
		if d := relative(got, want); d > 1e-11 || math.Abs(total-1) > 1e-12 {
			t.Errorf("differs by %.2g; the probabilities add up to %v", d, total)
		}
	})
}

// TestSoftmaxRegressionProduct compares with the closed form: for logits W x + b
// both matrices are the mean over the rows of (diag(p) - p p') kron (x, 1)(x,
// 1)'.
func TestSoftmaxRegressionProduct(t *testing.T) {
	const rows = 7
	f := build[float64](t, "mlp:", small, rows, 2, 3)
	n, c := small.Len(), small.Classes
	v := direction[float64](len(f.theta), 5)
	want := make([]float64, len(v))
	for r := range rows {
		x, p, dz := f.inputs[r*n:(r+1)*n], make([]float64, c), make([]float64, c)
		sum, mean := 0.0, 0.0
		for k := range c {
			z := f.theta[n*c+k]
			dz[k] = v[n*c+k]
			for i := range n {
				z += f.theta[k*n+i] * float64(x[i])
				dz[k] += v[k*n+i] * float64(x[i])
			}
			p[k] = math.Exp(z)
			sum += p[k]
		}
		for k := range c {
			p[k] /= sum
			mean += p[k] * dz[k]
		}
		for k := range c {
			d := p[k] * (dz[k] - mean) / rows
			want[n*c+k] += d
			for i := range n {
				want[k*n+i] += d * float64(x[i])
			}
		}
	}
	for _, m := range []op.Matrix{op.Hessian, op.GaussNewton} {
		if d := relative(newTaped(t, f, rows).product(t, m, v), want); d > 1e-14 {
			t.Errorf("matrix %d: differs by %.2g", m, d)
		}
	}
}

// TestProductAtKinks: at theta = 0 every rectified number is 0 and passes no
// derivative. The Hessian is then that of the last biases: diag(p) - p p' with
// the uniform p.
func TestProductAtKinks(t *testing.T) {
	for _, spec := range []string{"mlp:6,4", "lenet"} {
		in := Input{Height: 12, Width: 12, Channels: 1, Classes: 5}
		x, y := data(in, 9, 4)
		e := newEvaluator(t, spec, in, x, y, EvalOptions{Workers: 2})
		n := e.Layout().Len()
		v, dst := direction[float32](n, 1), make([]float32, n)
		if err := e.HessianVectors(t.Context(), make([]float32, n), [][]float32{v}, [][]float32{dst}); err != nil {
			t.Fatal(err)
		}
		mean := 0.0
		for _, b := range v[n-5:] {
			mean += float64(b) / 5
		}
		for i, got := range dst {
			want := 0.0
			if i >= n-5 {
				want = (float64(v[i]) - mean) / 5
			}
			if math.Abs(float64(got)-want) > 1e-8 {
				t.Fatalf("%s: element %d is %v, want %v", spec, i, got, want)
			}
		}
	}
}

// TestDenseHessian: the columns of a small network's Hessian form a symmetric
// matrix, and so do those of the Gauss-Newton matrix, whose diagonal is not
// negative.
func TestDenseHessian(t *testing.T) {
	f := build[float64](t, "mlp:4,3", Input{Height: 1, Width: 5, Channels: 1, Classes: 3}, 11, 2, 3)
	k, n := newTaped(t, f, 11), len(f.theta)
	for _, m := range []op.Matrix{op.Hessian, op.GaussNewton} {
		columns, largest := make([][]float64, n), 0.0
		for i := range columns {
			v := make([]float64, n)
			v[i] = 1
			columns[i] = k.product(t, m, v)
			largest = max(largest, math.Abs(columns[i][i]))
		}
		for i := range n {
			for j := range i {
				if d := math.Abs(columns[i][j] - columns[j][i]); d > 1e-14*largest {
					t.Errorf("matrix %d: elements (%d, %d) and (%d, %d) differ by %.2g", m, i, j, j, i, d)
				}
			}
			if m == op.GaussNewton && columns[i][i] < 0 {
				t.Errorf("diagonal element %d is %v", i, columns[i][i])
			}
		}
	}
}

// products32 returns the products of an evaluator with some vectors.
func products32(t testing.TB, e *Evaluator, m op.Matrix, theta []float32, v ...[]float32) [][]float32 {
	t.Helper()
	dst := make([][]float32, len(v))
	for i := range dst {
		dst[i] = make([]float32, len(theta))
	}
	if err := e.products(t.Context(), m, theta, v, dst); err != nil {
		t.Fatal(err)
	}
	return dst
}

func dot[T op.Float](a, b []T) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// evaluated calls f with evaluators of every model under the policies that have
// derivatives, and with the statistics and theta to use.
func evaluated(t *testing.T, f func(t *testing.T, theta []float32, make func(workers int) *Evaluator)) {
	for _, m := range models {
		for _, policy := range []Policy{Batch, Running} {
			t.Run(m.spec+" "+string(policy), func(t *testing.T) {
				const n = 23
				x, y := data(m.in, n, 4)
				k := build[float32](t, m.spec, m.in, 1, 1, 3)
				f(t, k.theta, func(workers int) *Evaluator {
					return newEvaluator(t, m.spec, m.in, x, y,
						EvalOptions{Workers: workers, Policy: policy, Chunk: 8, State: k.state})
				})
			})
		}
	}
}

// TestProductSymmetric: products in float32 are linear and symmetric.
func TestProductSymmetric(t *testing.T) {
	evaluated(t, func(t *testing.T, theta []float32, evaluator func(int) *Evaluator) {
		v, w := direction[float32](len(theta), 1), direction[float32](len(theta), 2)
		both := make([]float32, len(v))
		for i := range both {
			both[i] = 3*v[i] - w[i]/2
		}
		for _, m := range []op.Matrix{op.Hessian, op.GaussNewton} {
			p := products32(t, evaluator(2), m, theta, v, w, both)
			size := math.Sqrt(dot(p[0], p[0]))
			if d := math.Abs(dot(w, p[0]) - dot(v, p[1])); d > 1e-5*size {
				t.Errorf("matrix %d: w'Hv is %v, v'Hw %v", m, dot(w, p[0]), dot(v, p[1]))
			}
			sum := make([]float64, len(v))
			for i := range sum {
				sum[i] = 3*float64(p[0][i]) - float64(p[1][i])/2
			}
			if d := relative(p[2], sum); d > 1e-5 {
				t.Errorf("matrix %d: H(3v-w/2) and 3Hv-Hw/2 differ by %.2g", m, d)
			}
			if m == op.GaussNewton && dot(v, p[0]) < 0 {
				t.Errorf("v'Gv is %v", dot(v, p[0]))
			}
		}
	})
}

// TestProductSameBits: a product has the same bits for any number of workers,
// with any other vectors, and for any number of stored passes.
func TestProductSameBits(t *testing.T) {
	evaluated(t, func(t *testing.T, theta []float32, evaluator func(int) *Evaluator) {
		v, w := direction[float32](len(theta), 1), direction[float32](len(theta), 2)
		for _, m := range []op.Matrix{op.Hessian, op.GaussNewton} {
			one := evaluator(1)
			want := products32(t, one, m, theta, v)[0]
			for _, workers := range []int{2, 5} {
				if got := products32(t, evaluator(workers), m, theta, w, v)[1]; !sameBits(got, want) {
					t.Errorf("matrix %d: with %d workers differs by %.2g", m, workers, relative(got, want))
				}
			}
			for range 2 {
				if got := products32(t, one, m, theta, v)[0]; !sameBits(got, want) {
					t.Errorf("matrix %d: again differs by %.2g", m, relative(got, want))
				}
				one = evaluator(1)
				one.cacheBytes = 1 // byte: one batch
				products32(t, one, m, theta, w)
			}
		}
	})
}

// TestProductMoves: passes that are stored for one theta and state are not used
// for others.
func TestProductMoves(t *testing.T) {
	const n = 12
	x, y := data(residual, n, 4)
	k := build[float32](t, "resnet:8", residual, 1, 1, 3)
	fresh := func() *Evaluator {
		return newEvaluator(t, "resnet:8", residual, x, y, EvalOptions{State: k.state, Chunk: 5, Workers: 2})
	}
	e, v, moved, state := fresh(), direction[float32](len(k.theta), 1), slices.Clone(k.theta), slices.Clone(k.state)
	moved[7] += 0.1
	state[3] += 0.1
	first := products32(t, e, op.Hessian, k.theta, v)[0]
	if got, want := products32(t, e, op.Hessian, moved, v)[0], products32(t, fresh(), op.Hessian, moved,
		v)[0]; !sameBits(got, want) || sameBits(got, first) {
		t.Errorf("at another theta differs by %.2g", relative(got, want))
	}
	other := fresh()
	e.UseState(state)
	other.UseState(state)
	got, want := products32(t, e, op.Hessian, k.theta, v)[0], products32(t, other, op.Hessian, k.theta, v)[0]
	if !sameBits(got, want) || sameBits(got, first) {
		t.Errorf("with other statistics differs by %.2g", relative(got, want))
	}
	e.UseState(nil)
	if got := products32(t, e, op.Hessian, k.theta, v)[0]; !sameBits(got, first) {
		t.Errorf("back again differs by %.2g", relative(got, first))
	}
}

// TestProductSinglePrecision compares float32 products of the evaluator, over
// chunks that normalize separately, with the mean of float64 products of the
// chunks.
func TestProductSinglePrecision(t *testing.T) {
	for _, m := range models {
		t.Run(m.spec, func(t *testing.T) {
			rows := m.rows
			f64, f32 := build[float64](t, m.spec, m.in, 2*rows, 2, 3), build[float32](t, m.spec, m.in, 2*rows, 2, 3)
			e := newEvaluator(t, m.spec, m.in, f32.inputs, f32.labels,
				EvalOptions{Policy: Batch, Chunk: rows, Workers: 2})
			v := direction[float32](len(f32.theta), 5)
			wide, want := make([]float64, len(v)), make([]float64, len(v))
			for i := range v {
				wide[i] = float64(v[i])
			}
			for _, from := range []int{0, rows} {
				copy(f64.inputs, f32.inputs[from*m.in.Len():])
				copy(f64.labels, f32.labels[from:])
				for i, p := range newTaped(t, f64, rows).product(t, op.Hessian, wide) {
					want[i] += p / 2
				}
			}
			if d := relative(products32(t, e, op.Hessian, f32.theta, v)[0], want); d > 1e-5 {
				t.Errorf("differs by %.2g", d)
			}
		})
	}
}

func TestProductErrors(t *testing.T) {
	x, y := data(residual, 9, 4)
	e := newEvaluator(t, "resnet:8", residual, x, y, EvalOptions{Policy: Recompute, Chunk: 3})
	n := e.Layout().Len()
	theta, room := make([]float32, n), [][]float32{make([]float32, n)}
	if e.HessianAbsent() == "" || e.GaussNewtonAbsent() == "" {
		t.Error("the policy recompute has products")
	}
	if err := e.HessianVectors(t.Context(), theta, room, room); err == nil ||
		!strings.Contains(err.Error(), `"recompute", which has no derivative; allowed are "running" and "batch"`) {
		t.Errorf("error %v", err)
	}
	e = newEvaluator(t, "resnet:8", residual, x, y, EvalOptions{Policy: Batch, Chunk: 3})
	if absent := e.HessianAbsent() + e.GaussNewtonAbsent(); absent != "" {
		t.Errorf("there are no products: %s", absent)
	}
	for _, c := range []struct {
		theta  []float32
		v, dst [][]float32
		want   string
	}{
		{theta[1:], room, room, "theta has"},
		{theta, room, nil, "1 vectors and 0 products"},
		{theta, [][]float32{theta[1:]}, room, "vector 1 has"},
		{theta, room, [][]float32{theta[1:]}, "vector 1 has"},
	} {
		if err := e.GaussNewtonVectors(t.Context(), c.theta, c.v, c.dst); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	ctx := &afterCalls{t.Context(), 2}
	if err := e.HessianVectors(ctx, theta, room, [][]float32{make([]float32, n)}); !errors.Is(err, context.Canceled) ||
		!strings.Contains(err.Error(), "6 of 9") {
		t.Errorf("error %v, want one after 6 of 9 examples", err)
	}
}

// TestProductNotFinite: a product that is not finite is a result, and later
// products are not affected.
func TestProductNotFinite(t *testing.T) {
	evaluated(t, func(t *testing.T, theta []float32, evaluator func(int) *Evaluator) {
		e, v := evaluator(2), direction[float32](len(theta), 1)
		want := products32(t, e, op.Hessian, theta, v)[0]
		bad := slices.Clone(theta)
		bad[len(bad)-1] = float32(math.NaN())
		infinite := slices.Clone(v)
		infinite[0] = float32(math.Inf(1))
		for _, p := range [][]float32{
			products32(t, e, op.Hessian, bad, v)[0],
			products32(t, e, op.Hessian, theta, infinite)[0],
		} {
			if !slices.ContainsFunc(p, func(x float32) bool { return x-x != 0 }) {
				t.Error("every element is finite")
			}
		}
		if got := products32(t, e, op.Hessian, theta, v)[0]; !sameBits(got, want) {
			t.Errorf("afterwards differs by %.2g", relative(got, want))
		}
	})
}
