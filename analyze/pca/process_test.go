package pca

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The null of a process is what the centred covariance matrix says, written out
// and decomposed in full.
func TestProcessAgainstTheMatrix(t *testing.T) {
	const n, k = 30, 3
	rng := rand.New(rand.NewPCG(1, 2))
	for _, rate := range []float64{0.01, 0.3, 0.999} {
		p := relaxing(n, rate)
		v, got := gaussian(rng, n), make([]float64, n)
		p.times(got, v)
		for i := range n {
			var want float64
			for j := range n {
				want += p.covariance(i, j) * v[j]
			}
			if math.Abs(got[i]-want) > 1e-12*n {
				t.Fatalf("rate %g: element %d of the product is %g, want %g", rate, i, got[i], want)
			}
		}
		for _, c := range []Center{Mean, Final, Init} {
			g, row := make([]float64, n*n), 0
			if c == Final {
				row = n - 1
			}
			for i := range n {
				for j := range n {
					g[i*n+j] = p.covariance(i, j)
					if c != Mean {
						g[i*n+j] += p.covariance(row, row) - p.covariance(i, row) - p.covariance(row, j)
					}
				}
			}
			if c == Mean {
				center(g, n)
			}
			pairs, err := leadingDense(g, n)
			if err != nil {
				t.Fatal(err)
			}
			trace, square := traceAndSquare(g, n)
			l, err := p.null(c, k, krylovTolerance)
			if err != nil {
				t.Fatal(err)
			}
			for i := range k {
				if math.Abs(l.ratios[i]-pairs[i].value/trace) > 1e-10 {
					t.Errorf("rate %g, %s: share %d is %g, of the matrix %g", rate, c, i+1, l.ratios[i],
						pairs[i].value/trace)
				}
			}
			if math.Abs(l.participation-trace*trace/square) > 1e-8*n {
				t.Errorf("rate %g, %s: participation %g, of the matrix %g", rate, c, l.participation,
					trace*trace/square)
			}
		}
	}
}

// A simulated Ornstein-Uhlenbeck process has its rate found, and shows the
// shares of its null. In p dimensions an inner product deviates by 1/sqrt(p), a
// variance by sqrt(2/p) relative to the largest.
func TestOrnsteinUhlenbeck(t *testing.T) {
	const n, p = 200, 4000
	rng := rand.New(rand.NewPCG(3, 4))
	for _, rate := range []float64{0, 0.02, 0.1, 0.5} {
		x := make([]float64, p)
		rho := 1 - rate
		g, path := make([]float64, n*n), make([][]float64, n)
		for i := range x {
			x[i] = rng.NormFloat64() // stationary from the start
		}
		for i := range n {
			path[i] = append([]float64{}, x...)
			noise := math.Sqrt(1 - rho*rho)
			if rate == 0 {
				noise = 1
			}
			for j := range x {
				x[j] = rho*x[j] + noise*rng.NormFloat64()
			}
		}
		for i := range n {
			for j := range i + 1 {
				var s float64
				for d := range p {
					s += path[i][d] * path[j][d]
				}
				g[i*n+j], g[j*n+i] = s, s
			}
		}
		center(g, n)
		trace, _ := traceAndSquare(g, n)
		pairs, err := leadingDense(g, n)
		if err != nil {
			t.Fatal(err)
		}
		ou, err := ornsteinUhlenbeck(g, n, Mean, 2)
		if err != nil {
			t.Fatal(err)
		}
		if rate == 0 && ou.Rate > 1e-3 || rate > 0 && math.Abs(ou.Rate/rate-1) > 0.1 || ou.MSDError > 0.02 {
			t.Errorf("rate %g: fitted %g with an error of %g", rate, ou.Rate, ou.MSDError)
		}
		for k, want := range ou.ExplainedVarianceRatio {
			// Where eigenvalues are close together their sampling pushes the largest
			// ones apart by up to 2 sqrt(n/p) of the mean one.
			tolerance := 3*math.Sqrt(2./p)*want + 3*math.Sqrt(float64(n)/p)/n
			if got := pairs[k].value / trace; math.Abs(got-want) > tolerance {
				t.Errorf("rate %g: share %d is %.4f, null %.4f, tolerance %.4f", rate, k+1, got, want, tolerance)
			}
		}
		if rate == 0 && math.Abs(ou.ExplainedVarianceRatio[0]-6/math.Pi/math.Pi) > 0.01 {
			t.Errorf("at rate %g the null's share is %g, not that of a random walk", ou.Rate,
				ou.ExplainedVarianceRatio[0])
		}
	}
}

// A cycle is no such process and has no null of it; neither have few rows.
func TestOrnsteinUhlenbeckOfACycle(t *testing.T) {
	const n = 20
	g := make([]float64, n*n)
	for i := range n {
		for j := range n {
			g[i*n+j] = float64((i % 2) * (j % 2)) // 0, 1, 0, 1, ...
		}
	}
	if ou, err := ornsteinUhlenbeck(g, n, Mean, 2); ou != nil || err != nil {
		t.Errorf("a cycle of two: %+v, %v", ou, err)
	}
	if ou, err := ornsteinUhlenbeck(g[:4], 2, Mean, 1); ou != nil || err != nil {
		t.Errorf("two rows: %+v, %v", ou, err)
	}
}

// A stationary cloud of many rows has no leading directions: the iteration ends
// all the same and says what it left open.
func TestKrylovGivesUp(t *testing.T) {
	const n = 700
	pairs, residual, err := leadingKrylov(relaxing(n, 0.9).times, n, 2, krylovTolerance)
	if err != nil || len(pairs) != 2 {
		t.Fatal(err)
	}
	if residual < krylovTolerance || residual > 0.01 {
		t.Errorf("residual %g", residual)
	}
	// The largest eigenvalue of the covariance 0.1^|i-j| tends to (1+0.1)/(1-0.1).
	if math.Abs(pairs[0].value-1.1/0.9) > 0.01 {
		t.Errorf("largest eigenvalue %g", pairs[0].value)
	}
}
