package average_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/average"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
)

// stationaryGain is the closed form: the mean loss of an iterate minus that of the average
// with the given weights (index 0 is the newest), for SGD in a stationary state on a noisy
// quadratic. In every direction the walk is a first-order autoregression with the coefficient
// rho = 1 - eta lambda and the variance s = eta noise / (lambda (2 - eta lambda)), so its
// covariance at lag k is s rho^k.
func stationaryGain(q *walk.Quadratic, weights []float64) float64 {
	gain := 0.0
	for i, l := range q.Eigenvalues {
		variance := q.LearningRate * q.Noise[i] / (l * (2 - q.LearningRate*l))
		rho, mean := 1-q.LearningRate*l, 0.0
		for a, c := range weights {
			for b, d := range weights {
				mean += c * d * math.Pow(rho, math.Abs(float64(a-b)))
			}
		}
		gain += l * variance * (1 - mean) / 2
	}
	return gain
}

// TestVarianceOfTheMeanOfAnAutoregression holds the double sum of the oracle against the
// textbook formula of the variance of a mean of w values.
func TestVarianceOfTheMeanOfAnAutoregression(t *testing.T) {
	for _, rho := range []float64{-0.9, 0, 0.3, 0.95} {
		for _, w := range []int{2, 5, 40} {
			n := float64(w)
			ratio := ((1+rho)/(1-rho) - 2*rho*(1-math.Pow(rho, n))/(n*(1-rho)*(1-rho))) / n
			q := &walk.Quadratic{Eigenvalues: []float64{1 - rho}, Noise: []float64{1}, LearningRate: 1}
			height := 1 / (2 * (1 + rho)) // lambda variance / 2
			if got, want := stationaryGain(q, equal(w)), height*(1-ratio); math.Abs(got-want) > 1e-12 {
				t.Errorf("rho %v, %d values: the gain is %v; want %v", rho, w, got, want)
			}
		}
	}
}

func equal(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 1 / float64(n)
	}
	return w
}

func exponential(d float64) []float64 {
	var w []float64
	for c := 1 - d; c > 1e-9; c *= d {
		w = append(w, c)
	}
	return w
}

// every returns weights of n values that are gap steps apart.
func every(gap, n int) []float64 {
	w := make([]float64, gap*(n-1)+1)
	for i := 0; i < len(w); i += gap {
		w[i] = 1 / float64(n)
	}
	return w
}

// simulate records SGD with momentum on a noisy quadratic after it has become stationary.
func simulate(t testing.TB, q *walk.Quadratic, momentum float64, steps int, seed uint64) *record.Memory {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	n := len(q.Eigenvalues)
	x, v := make([]float64, n), make([]float64, n)
	theta := make([]float32, n)
	m, err := record.NewMemory(header(n))
	if err != nil {
		t.Fatal(err)
	}
	const before = 2000 // steps until it is stationary
	for k := range before + steps {
		if k >= before {
			for i, xi := range x {
				theta[i] = float32(xi)
			}
			s := record.Step{Step: int64(k - before), Epoch: 1, Theta: theta, LearningRate: record.Some(q.LearningRate)}
			if err := m.Append(&s); err != nil {
				t.Fatal(err)
			}
		}
		for i, l := range q.Eigenvalues {
			v[i] = momentum*v[i] + l*x[i] + math.Sqrt(q.Noise[i])*rng.NormFloat64()
			x[i] -= q.LearningRate * v[i]
		}
	}
	return m
}

var (
	stiff = &walk.Quadratic{
		Eigenvalues: []float64{16, 14, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1, 0.5, 0.2},
		Noise:       []float64{10, 14, 12, 10, 10, 10, 6, 5, 4, 5, 2, 2, 2, 1}, LearningRate: 0.1,
	}
	schemes = []average.Average{
		{Scheme: average.Window, Length: 2},
		{Scheme: average.Window, Length: 16},
		{Scheme: average.Window, Length: 128},
		{Scheme: average.EMA, Decay: 0.9},
		{Scheme: average.LAWA, Length: 5, Every: 10},
	}
	schemeWeights = [][]float64{equal(2), equal(16), equal(128), exponential(0.9), every(10, 5)}
)

// noExcess reports whether an interval that is widened from 95 % to more than 99 % has 0.
func noExcess(g *average.Gain) bool {
	low, high := g.ExcessInterval.Low.Value, g.ExcessInterval.High.Value
	middle, half := (low+high)/2, (high-low)/2
	return half > 0 && math.Abs(middle) < 1.5*half
}

// TestGainAndNullOfAStationaryWalk: on a quadratic the measured gain and the null both have
// the closed form as their mean, and differ by chance only.
func TestGainAndNullOfAStationaryWalk(t *testing.T) {
	m := simulate(t, stiff, 0, 60_000, 1)
	at, err := analyze.ParseSegments("every:20")
	if err != nil {
		t.Fatal(err)
	}
	r, err := average.Compute(t.Context(), m, bowl(stiff.Eigenvalues...), average.Options{At: at, Averages: schemes})
	if err != nil {
		t.Fatal(err)
	}
	for i, g := range r.Summary.Averages {
		want := stationaryGain(stiff, schemeWeights[i])
		// The height of an iterate is a sum of about 10 squares, so the standard error of its mean
		// over 1500 nearly independent steps is about 1 %.
		if math.Abs(g.Gain.Value/want-1) > 0.04 || math.Abs(g.NullGain.Value/want-1) > 0.04 {
			t.Errorf("%s: the gain is %v and the null %v; the closed form is %v", g.Name, g.Gain.Value, g.NullGain.Value,
				want)
		}
		if !noExcess(&g) {
			t.Errorf("%s: the excess over the null is %v to %v; 0 must be inside", g.Name, g.ExcessInterval.Low.Value,
				g.ExcessInterval.High.Value)
		}
	}
}

// TestNullNeedsNoOptimizer: with momentum the walk is no first-order autoregression, and the
// null is still the mean gain.
func TestNullNeedsNoOptimizer(t *testing.T) {
	m := simulate(t, stiff, 0.8, 60_000, 2)
	at, err := analyze.ParseSegments("every:20")
	if err != nil {
		t.Fatal(err)
	}
	r, err := average.Compute(t.Context(), m, bowl(stiff.Eigenvalues...), average.Options{At: at, Averages: schemes[1:]})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range r.Summary.Averages {
		if math.Abs(g.NullGain.Value/g.Gain.Value-1) > 0.08 {
			t.Errorf("%s: the gain is %v and the null %v", g.Name, g.Gain.Value, g.NullGain.Value)
		}
	}
}

// river is a noisy bowl in all directions but the last, along which the loss falls steadily.
type river struct {
	quadratic
	slope float64
}

func (r river) Loss(ctx context.Context, theta []float32) (float64, error) {
	last := len(theta) - 1
	v, err := r.quadratic.Loss(ctx, theta[:last])
	return v + r.slope*float64(theta[last]), err
}

func (r river) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	last := len(theta) - 1
	if _, err := r.quadratic.Gradient(ctx, theta[:last], grad[:last]); err != nil {
		return 0, err
	}
	grad[last] = float32(r.slope)
	return r.Loss(ctx, theta)
}

// TestLagOfADescendingRun: a run that descends along a river gains less than the null, by what
// the lag says.
func TestLagOfADescendingRun(t *testing.T) {
	const steps, slope = 20_000, 1.5
	flat := simulate(t, stiff, 0, steps, 4)
	n := len(stiff.Eigenvalues)
	m, err := record.NewMemory(header(n + 1))
	if err != nil {
		t.Fatal(err)
	}
	for i := range flat.Len() {
		s, err := flat.Read(i, record.AllParts)
		if err != nil {
			t.Fatal(err)
		}
		s.Theta = append(append([]float32{}, s.Theta...), float32(-stiff.LearningRate*slope*float64(i)))
		if err := m.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	at, err := analyze.ParseSegments("every:40")
	if err != nil {
		t.Fatal(err)
	}
	r, err := average.Compute(t.Context(), m, river{bowl(stiff.Eigenvalues...), slope},
		average.Options{At: at, Averages: schemes})
	if err != nil {
		t.Fatal(err)
	}
	s := &r.Summary
	const descent = 0.1 * slope * slope
	if math.Abs(s.Descent.Value/descent-1) > 0.01 || !(s.DescentError.Value < descent/100) {
		t.Errorf("the loss falls by %v +- %v a step; want %v", s.Descent.Value, s.DescentError.Value, descent)
	}
	ages := []float64{0.5, 7.5, 63.5, 9, 20}
	for i, g := range s.Averages {
		want := stationaryGain(stiff, schemeWeights[i]) - descent*ages[i]
		if math.Abs(g.Gain.Value-want) > 0.05*stationaryGain(stiff, schemeWeights[i]) {
			t.Errorf("%s: the gain is %v; the closed form is %v", g.Name, g.Gain.Value, want)
		}
		if !noExcess(&g) || !(g.Lag.Value > 0) {
			t.Errorf("%s: the excess over the null is %v to %v with the lag %v; 0 must be inside", g.Name,
				g.ExcessInterval.Low.Value, g.ExcessInterval.High.Value, g.Lag.Value)
		}
	}
	// The longest window loses more than it gains.
	if g := s.Averages[2]; !(g.Gain.Value < 0) || s.Best == 2 {
		t.Errorf("%s gains %v, and the best is %d", g.Name, g.Gain.Value, s.Best)
	}
}

// walls is sum |theta_i|: steeper at the floor than any bowl, so that averaging gains more
// than on a quadratic with the same gradients.
type walls struct{}

func (walls) Loss(_ context.Context, theta []float32) (float64, error) {
	s := 0.0
	for _, v := range theta {
		s += math.Abs(float64(v))
	}
	return s, nil
}

func (w walls) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	for i, v := range theta {
		grad[i] = float32(math.Copysign(1, float64(v)))
	}
	return w.Loss(ctx, theta)
}

// TestExcessOverTheNull: the same walk, on other losses than a quadratic. On sum |x| the gain
// is about twice the null: L(0) is lower by |x|, and the null of x independent of its mean is
// grad L x / 2.
func TestExcessOverTheNull(t *testing.T) {
	m := simulate(t, &walk.Quadratic{Eigenvalues: []float64{10, 10, 10}, Noise: []float64{1, 1, 1}, LearningRate: 0.1}, 0,
		20_000, 3)
	at, err := analyze.ParseSegments("every:40")
	if err != nil {
		t.Fatal(err)
	}
	o := average.Options{At: at, Averages: []average.Average{{Scheme: average.Window, Length: 256}}}
	r, err := average.Compute(t.Context(), m, walls{}, o)
	if err != nil {
		t.Fatal(err)
	}
	g := r.Summary.Averages[0]
	if ratio := g.Gain.Value / g.NullGain.Value; math.Abs(ratio-2) > 0.25 || !(g.ExcessInterval.Low.Value > 0) {
		t.Errorf("the gain is %v of the null, excess %v to %v; want about 2", ratio, g.ExcessInterval.Low.Value,
			g.ExcessInterval.High.Value)
	}
}

// TestNullByDefinition compares the null with its definition, sum_k r(k) <grad, theta_t -
// theta_{t-k}>, for every average at every step of a walk that is not stationary.
func TestNullByDefinition(t *testing.T) {
	const n = 130
	thetas := randomWalk(7, n, 3)
	h := []float64{3, 1, 0.1}
	kinds := []average.Average{
		{Scheme: average.Window, Length: 2},
		{Scheme: average.Window, Length: 7},
		{Scheme: average.Window, Length: 60},
		{Scheme: average.SWA, Start: 13, Every: 1},
		{Scheme: average.LAWA, Length: 4, Every: 6},
		{Scheme: average.SWA, Start: 5, Every: 9},
		{Scheme: average.EMA, Decay: 0.75},
	}
	at, err := analyze.ParseSegments("every:1")
	if err != nil {
		t.Fatal(err)
	}
	for _, memory := range []int64{0, 5 * 48} {
		r, err := average.Compute(t.Context(), recording(t, thetas), bowl(h...),
			average.Options{At: at, Averages: kinds, MaxMemory: memory})
		if err != nil {
			t.Fatal(err)
		}
		checked := 0
		steps := make([]int64, n)
		for i := range steps {
			steps[i] = int64(i)
		}
		of := make(map[string]average.Average)
		for _, a := range kinds {
			of[a.String()] = a
		}
		nulls := r.Averages.Column("null_gain")
		for row, name := range r.Averages.Column("average").Strings {
			a, ok := of[name]
			if !ok {
				continue
			}
			i := int(r.Averages.Column("step").Ints[row])
			w := weights(a, steps, i)
			if w[i] == 0 { // the iterate is not one of the averaged ones
				if nulls.Valid[row] {
					t.Fatalf("%s at step %d has a null", name, i)
				}
				continue
			}
			want, size := 0.0, 0.0
			for k := 1; k <= i; k++ {
				r := 0.0
				for l := 0; l+k <= i; l++ {
					r += w[l] * w[l+k]
				}
				for e, g := range thetas[i] {
					term := r * float64(float32(h[e]*float64(g))) * (float64(g) - float64(thetas[i-k][e]))
					want, size = want+term, size+math.Abs(term)
				}
			}
			tolerance := 1e-9 * size
			if a.Scheme == average.EMA {
				tolerance = 2e-2 * size // the formula is that of infinitely many iterates
			}
			if got := nulls.Floats[row]; !nulls.Valid[row] || math.Abs(got-want) > tolerance+1e-9 {
				t.Errorf("memory %d: %s at step %d: the null is %v; want %v", memory, name, i, got, want)
			}
			checked++
		}
		if checked < 400 {
			t.Fatalf("%d nulls were compared", checked)
		}
	}
}

// ExampleCompute averages a walk that jumps between the walls of a valley: the iterates are at
// a height of 1/2, and the mean of two of them is on the floor.
func ExampleCompute() {
	m, _ := record.NewMemory(header(1))
	for i := range int64(40) {
		theta := []float32{float32(1 - 2*(i%2))}
		_ = m.Append(&record.Step{Step: i, Epoch: 1, Theta: theta})
	}
	r, err := average.Compute(context.Background(), m, bowl(1), average.Options{
		Averages: []average.Average{{Scheme: average.Window, Length: 2}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	g := r.Summary.Averages[0]
	fmt.Printf("the iterates have the loss %.2f, %s has %v\n", g.IterateLoss.Value, g.Average.Describe(), g.Loss.Value)
	fmt.Printf("a stationary walk on a quadratic gains %.2f as well\n", g.NullGain.Value)
	// Output:
	// the iterates have the loss 0.50, the mean of the last 2 iterates has 0
	// a stationary walk on a quadratic gains 0.50 as well
}
