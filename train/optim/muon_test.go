package optim

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"sgdwalk/record"
)

// network is a layout with matrices of all shapes: more rows than columns, fewer, filters,
// and panels of kernels that are not full.
func network() record.Layout {
	return record.Pack(
		record.Tensor{Name: "conv", Kind: record.Filter, Shape: []int{8, 3, 3, 3}},
		record.Tensor{Name: "scale", Kind: record.NormScale, Shape: []int{8}},
		record.Tensor{Name: "wide", Kind: record.Weight, Shape: []int{20, 33}},
		record.Tensor{Name: "bias", Kind: record.Bias, Shape: []int{20}},
		record.Tensor{Name: "tall", Kind: record.Weight, Shape: []int{40, 9}},
		record.Tensor{Name: "table", Kind: record.Other, Shape: []int{3, 2}},
		record.Tensor{Name: "last", Kind: record.Weight, Shape: []int{5, 40}},
	)
}

// newtonSchulzBySVD returns what the iteration makes of a matrix: the same singular vectors,
// and the polynomial of the singular values.
func newtonSchulzBySVD(u []float64, rows, columns, iterations int) []float64 {
	m := mat.NewDense(rows, columns, u)
	var svd mat.SVD
	if !svd.Factorize(m, mat.SVDThin) {
		panic("the decomposition has not converged")
	}
	size, values := mat.Norm(m, 2)+1e-7, svd.Values(nil)
	for i, s := range values {
		s /= size
		for range iterations {
			s = 3.4445*s - 4.7750*s*s*s + 2.0315*math.Pow(s, 5)
		}
		values[i] = s
	}
	var left, right, scaled, out mat.Dense
	svd.UTo(&left)
	svd.VTo(&right)
	scaled.Mul(&left, mat.NewDiagDense(len(values), values))
	out.Mul(&scaled, right.T())
	return out.RawMatrix().Data
}

// TestMuon compares every update with explicit sums over all past gradients, their singular
// value decomposition for matrices, and the means of AdamW for the rest. An update differs
// by at most 1e-5 of its length: theta starts at 0 in every step, so that its rounding does
// not count.
func TestMuon(t *testing.T) {
	const most = 1e-5
	layout := network()
	for _, h := range []hyper{
		{},
		{"nesterov": 0, "match_rms": 1, "ns_steps": 3, "momentum": 0.8},
		{"first_layer": 0, "adamw_learning_rate": 0.01, "beta1": 0.5, "beta2": 0.9, "epsilon": 0.1},
		{"last_layer": 1},
	} {
		o := build(t, "muon", h, layout)
		v, err := Effective("muon", h)
		if err != nil {
			t.Fatal(err)
		}
		p := v.Hyperparameters
		past := make([][]float64, layout.Len())
		worst := 0.0
		for k := 1; k <= 12; k++ {
			rate := p["learning_rate"] * (1 + float64(k%3)) / 3
			raw := gaussian(uint64(400+k), layout.Len(), 1)
			theta := make([]float32, layout.Len())
			step(t, o, theta, narrow(raw), rate, nil)
			want := make([]float64, layout.Len())
			for i, g := range raw {
				past[i] = append(past[i], g)
				ones := make([]float64, k)
				squares := make([]float64, k)
				for j, x := range past[i] {
					ones[j], squares[j] = 1, x*x
				}
				mean := explicit(past[i], p["beta1"], 1) / explicit(ones, p["beta1"], 1)
				square := explicit(squares, p["beta2"], 1) / explicit(ones, p["beta2"], 1)
				adamRate := p["adamw_learning_rate"] * rate / p["learning_rate"]
				want[i] = -adamRate * mean / (math.Sqrt(square) + p["epsilon"])
			}
			for _, tensor := range layout {
				if tensor.Name == "table" || len(tensor.Shape) == 1 ||
					tensor.Name == "conv" && p["first_layer"] == 0 || tensor.Name == "last" && p["last_layer"] == 0 {
					continue
				}
				rows := tensor.Shape[0]
				columns := tensor.Len() / rows
				u := make([]float64, tensor.Len())
				for i := range u {
					j := tensor.Offset + i
					u[i] = explicit(past[j], p["momentum"], 1-p["momentum"])
					if p["nesterov"] == 1 {
						u[i] = (1-p["momentum"])*raw[j] + p["momentum"]*u[i]
					}
				}
				scale := math.Sqrt(math.Max(1, float64(rows)/float64(columns)))
				if p["match_rms"] == 1 {
					scale = 0.2 * math.Sqrt(math.Max(float64(rows), float64(columns)))
				}
				for i, x := range newtonSchulzBySVD(u, rows, columns, int(p["ns_steps"])) {
					want[tensor.Offset+i] = -rate * scale * x
				}
			}
			for _, tensor := range layout {
				var square, difference float64
				for i := range tensor.Len() {
					j := tensor.Offset + i
					square += want[j] * want[j]
					difference += math.Pow(float64(theta[j])-want[j], 2)
				}
				relative := math.Sqrt(difference / square)
				worst = math.Max(worst, relative)
				if !(relative <= most) {
					t.Errorf("%v: the update %d of %s is off by %.2g of its length", h, k, tensor.Name, relative)
				}
			}
		}
		t.Logf("%v: at most %.2g of the length of an update", h, worst)
	}
}

// TestMuonDecaysBeforeTheStep: without a gradient only weight decay is left, at the learning
// rate of Muon for matrices and at that of AdamW for the rest.
func TestMuonDecaysBeforeTheStep(t *testing.T) {
	layout := record.Pack(
		record.Tensor{Name: "first", Kind: record.Weight, Shape: []int{2, 2}},
		record.Tensor{Name: "bias", Kind: record.Bias, Shape: []int{2}},
		record.Tensor{Name: "last", Kind: record.Weight, Shape: []int{1, 2}},
	)
	o := build(t, "muon", hyper{"weight_decay": 0.5, "adamw_learning_rate": 0.002, "decay_all": 0}, layout)
	theta := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	step(t, o, theta, make([]float32, 8), 0.1, nil) // 5 times the base rate of 0.02
	want := []float64{0.95, 1.9, 2.85, 3.8, 5, 6, 7 * (1 - 0.5*0.01), 8 * (1 - 0.5*0.01)}
	near(t, 1, theta, want)
}
