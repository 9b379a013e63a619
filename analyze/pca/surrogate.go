package pca

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"

	"sgdwalk/analyze/internal/parallel"
)

// surrogateTolerance is the residual at which a surrogate's eigenpair is taken
// as found. The error of an eigenvalue goes with the square of it.
const surrogateTolerance = 1e-5

// maxSurrogateRows is the number of rows above which surrogates must be requested:
// each of them needs another matrix of rows x rows.
const maxSurrogateRows = 2048

// Band is how a share is distributed over surrogate walks.
type Band struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`  // 5 % quantile
	High float64 `json:"high"` // 95 % quantile
	// AtLeast is a permutation p-value: the share of surrogates whose value is at least
	// the value of the run. The run itself counts as one surrogate.
	AtLeast float64 `json:"at_least"`
}

// Surrogates are walks that are made from the updates of the run.
//
// Sign flips keep the length and the direction of every update and make its sign
// random: a walk with these step lengths and without a direction. Permutations keep the
// updates and shuffle their order: the first and the last iterate stay, and the meaning
// of the order is lost.
type Surrogates struct {
	Walks        int    `json:"walks"` // of each type
	SignFlips    []Band `json:"sign_flips"`
	Permutations []Band `json:"permutations"`
}

// surrogates computes the walks in Gram space. The Gram matrix of the updates follows
// from the Gram matrix g of the iterates. Flips and permutations act on its rows and
// columns, and cumulative sums give the Gram matrix of the surrogate's iterates. So the
// recording is not read again. g is not changed. requested is true if the number of
// walks is not a default.
func surrogates(ctx context.Context, o *Options, g []float64, n int, observed []float64, requested bool) (*Surrogates,
	error,
) {
	if o.Surrogates < 0 || n < 3 || n > maxSurrogateRows && !requested {
		return nil, nil
	}
	steps := updateGram(g, n)
	k := len(observed)
	shares := make([][]float64, 2*o.Surrogates) // flips, then permutations
	failed := make([]error, len(shares))
	o.Progress.Begin("surrogate walks", len(shares))
	const batch = 8 // walks between two checks of ctx
	for first := 0; first < len(shares); first += batch {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("pca: %w", err)
		}
		count := min(batch, len(shares)-first)
		parallel.Each(o.Workers, count, func(i int) {
			w := first + i
			// Every walk has its own random stream, so that any goroutine may compute it.
			rng := rand.New(rand.NewPCG(o.Seed, uint64(w)))
			order, sign := identity(n-1), make([]float64, n-1)
			for j := range sign {
				sign[j] = 1
				if w < o.Surrogates && rng.Uint64()&1 == 1 {
					sign[j] = -1
				}
			}
			if w >= o.Surrogates {
				rng.Shuffle(n-1, func(a, b int) { order[a], order[b] = order[b], order[a] })
			}
			shares[w], failed[w] = sharesOf(walkOf(steps, order, sign), n, k, o.Center)
		})
		o.Progress.Add(count)
	}
	for _, err := range failed {
		if err != nil {
			return nil, err
		}
	}
	return &Surrogates{
		Walks:     o.Surrogates,
		SignFlips: bands(shares[:o.Surrogates], observed), Permutations: bands(shares[o.Surrogates:], observed),
	}, nil
}

func identity(n int) []int {
	l := make([]int, n)
	for i := range l {
		l[i] = i
	}
	return l
}

// updateGram returns the (n-1) x (n-1) Gram matrix of the differences of
// consecutive rows.
func updateGram(g []float64, n int) []float64 {
	s := make([]float64, (n-1)*(n-1))
	for i := range n - 1 {
		for j := range n - 1 {
			s[i*(n-1)+j] = (g[(i+1)*n+j+1] - g[(i+1)*n+j]) - (g[i*n+j+1] - g[i*n+j])
		}
	}
	return s
}

// walkOf returns the n x n Gram matrix of the iterates, seen from the first one,
// of the walk whose update i is sign[i] times update order[i].
func walkOf(steps []float64, order []int, sign []float64) []float64 {
	m := len(order)
	n := m + 1
	g := make([]float64, n*n)
	for i := range m {
		from := steps[order[i]*m:][:m]
		var run float64 // inner product of update i with iterate j+1
		for j := range m {
			run += sign[i] * sign[j] * from[order[j]]
			g[(i+1)*n+j+1] = g[i*n+j+1] + run
		}
	}
	return g
}

// sharesOf returns the k leading explained variance ratios of a Gram matrix seen
// from its first row. It changes g.
func sharesOf(g []float64, n, k int, c Center) ([]float64, error) {
	switch c {
	case Mean:
		center(g, n)
	case Final:
		last := slices.Clone(g[(n-1)*n:])
		for i := range n {
			for j := range n {
				g[i*n+j] += last[n-1] - last[i] - last[j]
			}
		}
	}
	trace, _ := traceAndSquare(g, n)
	pairs, _, err := leadingKrylov(dense(g, n, 1), n, k, surrogateTolerance)
	if err != nil {
		return nil, err
	}
	shares := make([]float64, k)
	for i, p := range pairs {
		shares[i] = p.value / trace
	}
	return shares, nil
}

func bands(shares [][]float64, observed []float64) []Band {
	l := make([]Band, len(observed))
	for k := range observed {
		values := make([]float64, len(shares))
		count := 1
		for w := range shares {
			values[w] = shares[w][k]
			if values[w] >= observed[k] {
				count++
			}
		}
		slices.Sort(values)
		l[k] = Band{
			Mean: stat.Mean(values, nil),
			Low:  quantile(values, 0.05), High: quantile(values, 0.95),
			AtLeast: float64(count) / float64(len(shares)+1),
		}
	}
	return l
}

// quantile interpolates between the two values nearest to it; values are sorted.
func quantile(values []float64, q float64) float64 {
	at := q * float64(len(values)-1)
	low := math.Floor(at)
	i := int(low)
	if i+1 >= len(values) {
		return values[len(values)-1]
	}
	return values[i] + (at-low)*(values[i+1]-values[i])
}
