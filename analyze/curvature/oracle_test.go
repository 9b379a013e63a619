package curvature_test

import (
	"context"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"sgdwalk/analyze"
)

var (
	_ analyze.Gradient = quadratic{}
	_ analyze.Gradient = (*softmax)(nil)
)

// quadratic is 1/2 x'Ax with A diagonal, or a full symmetric matrix.
type quadratic struct {
	diagonal []float64
	full     *mat.SymDense
}

func (q quadratic) apply(x []float32, i int) float64 {
	if q.full == nil {
		return q.diagonal[i] * float64(x[i])
	}
	s := 0.0
	for j, v := range x {
		s += q.full.At(i, j) * float64(v)
	}
	return s
}

func (q quadratic) Loss(_ context.Context, x []float32) (float64, error) {
	s := 0.0
	for i, v := range x {
		s += float64(v) * q.apply(x, i) / 2
	}
	return s, nil
}

func (q quadratic) Gradient(ctx context.Context, x, grad []float32) (float64, error) {
	for i := range x {
		grad[i] = float32(q.apply(x, i))
	}
	return q.Loss(ctx, x)
}

// exact is a quadratic that offers exact products.
type exact struct{ quadratic }

var _ analyze.HessianProduct = exact{}

func (exact) HessianAbsent() string { return "" }

func (e exact) HessianVectors(_ context.Context, _ []float32, v, dst [][]float32) error {
	for i := range v {
		for j := range v[i] {
			dst[i][j] = float32(e.apply(v[i], j))
		}
	}
	return nil
}

// rotated returns R diag(lambda) R' for a random rotation R.
func rotated(lambda []float64, seed uint64) *mat.SymDense {
	n := len(lambda)
	rng := rand.New(rand.NewPCG(seed, 1))
	g := mat.NewDense(n, n, nil)
	for i := range n {
		for j := range n {
			g.Set(i, j, rng.NormFloat64())
		}
	}
	var qr mat.QR
	qr.Factorize(g)
	var q, half, a mat.Dense
	qr.QTo(&q)
	half.Mul(&q, mat.NewDiagDense(n, lambda))
	a.Mul(&half, q.T())
	s := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			s.SetSym(i, j, (a.At(i, j)+a.At(j, i))/2)
		}
	}
	return s
}

// softmax is a network with one hidden tanh layer and a softmax cross-entropy over
// the classes, on fixed Gaussian inputs, evaluated in float64. theta is W1
// (hidden x in), then W2 (classes x hidden).
type softmax struct {
	in, hidden, classes int
	inputs              [][]float64
	labels              []int
	calls               int
}

func newSoftmax(in, hidden, classes, examples int) *softmax {
	rng := rand.New(rand.NewPCG(7, 7))
	s := &softmax{in: in, hidden: hidden, classes: classes}
	for range examples {
		x := make([]float64, in)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		s.inputs, s.labels = append(s.inputs, x), append(s.labels, rng.IntN(classes))
	}
	return s
}

func (s *softmax) len() int { return s.hidden * (s.in + s.classes) }

func (s *softmax) start() []float32 {
	rng := rand.New(rand.NewPCG(3, 3))
	theta := make([]float32, s.len())
	for i := range theta {
		theta[i] = float32(rng.NormFloat64() / 2)
	}
	return theta
}

// exact evaluates the loss, and the gradient unless grad is nil, in float64.
func (s *softmax) exact(theta, grad []float64) float64 {
	w1, w2 := theta[:s.hidden*s.in], theta[s.hidden*s.in:]
	loss, n := 0.0, float64(len(s.inputs))
	h, p := make([]float64, s.hidden), make([]float64, s.classes)
	for e, x := range s.inputs {
		for i := range h {
			a := 0.0
			for j, v := range x {
				a += w1[i*s.in+j] * v
			}
			h[i] = math.Tanh(a)
		}
		sum := 0.0
		for c := range p {
			a := 0.0
			for i, v := range h {
				a += w2[c*s.hidden+i] * v
			}
			p[c] = math.Exp(a)
			sum += p[c]
		}
		loss -= math.Log(p[s.labels[e]]/sum) / n
		if grad == nil {
			continue
		}
		for c := range p {
			d := p[c] / sum / n
			if c == s.labels[e] {
				d -= 1 / n
			}
			for i, v := range h {
				grad[s.hidden*s.in+c*s.hidden+i] += d * v
				back := d * w2[c*s.hidden+i] * (1 - v*v)
				for j, u := range x {
					grad[i*s.in+j] += back * u
				}
			}
		}
	}
	return loss
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func (s *softmax) Loss(_ context.Context, theta []float32) (float64, error) {
	return s.exact(widen(theta), nil), nil
}

func (s *softmax) Gradient(_ context.Context, theta, grad []float32) (float64, error) {
	s.calls++
	g := make([]float64, len(theta))
	loss := s.exact(widen(theta), g)
	for i, v := range g {
		grad[i] = float32(v)
	}
	return loss, nil
}

// hessian is the dense Hessian at theta by central differences of the float64
// gradient.
func (s *softmax) hessian(theta []float32) *mat.SymDense {
	n := s.len()
	h := mat.NewDense(n, n, nil)
	x := widen(theta)
	const step = 1e-5
	for j := range n {
		plus, minus := make([]float64, n), make([]float64, n)
		at := x[j]
		x[j] = at + step
		s.exact(x, plus)
		x[j] = at - step
		s.exact(x, minus)
		x[j] = at
		for i := range n {
			h.Set(i, j, (plus[i]-minus[i])/(2*step))
		}
	}
	sym := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			sym.SetSym(i, j, (h.At(i, j)+h.At(j, i))/2)
		}
	}
	return sym
}
