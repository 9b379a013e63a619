package walk_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
)

// bowl is 2 + x^2 + 3/2 y^2 rounded to float32, so that short steps are below the
// resolution. The curvatures are 2 and 3. It counts products.
type bowl struct {
	products int
	absent   string
}

func (b *bowl) Loss(_ context.Context, t []float32) (float64, error) {
	x, y := float64(t[0]), float64(t[1])
	return float64(float32(2 + x*x + 1.5*y*y)), nil
}

func (b *bowl) Gradient(ctx context.Context, t, grad []float32) (float64, error) {
	grad[0], grad[1] = 2*t[0], 3*t[1]
	return b.Loss(ctx, t)
}

func (b *bowl) HessianAbsent() string { return b.absent }

func (b *bowl) HessianVectors(_ context.Context, _ []float32, v, dst [][]float32) error {
	for i := range v {
		b.products++
		dst[i][0], dst[i][1] = 2*v[i][0], 3*v[i][1]
	}
	return nil
}

// short records three steps of about the given length, away from (1, 1) and around the
// floor, and returns their exact curvatures and floors.
func short(t *testing.T, length float64) (m *record.Memory, curvature, position, sharpness []float64) {
	var rows []record.Step
	at := [][2]float64{
		{length, 0.7 * length},
		{-length / 2, 0.2 * length},
		{length / 3, 0.5 * length},
		{length, length},
	}
	for k, p := range at {
		s := record.Step{Step: int64(k), Epoch: 1, Theta: []float32{float32(p[0]), float32(p[1])}}
		if k < len(at)-1 {
			s.BatchLoss, s.LearningRate = record.Some(1), record.Some(0.5)
		}
		rows = append(rows, s)
	}
	for k := range len(rows) - 1 {
		x, y := float64(rows[k].Theta[0]), float64(rows[k].Theta[1])
		dx, dy := float64(rows[k+1].Theta[0])-x, float64(rows[k+1].Theta[1])-y
		c := 2*dx*dx + 3*dy*dy
		curvature = append(curvature, c)
		position = append(position, -(2*x*dx+3*y*dy)/c)
		sharpness = append(sharpness, c/(dx*dx+dy*dy))
	}
	return memory(t, rows...), curvature, position, sharpness
}

// A quadratic has its curvature and its floor at every length of the steps.
func TestCurvatureOfShortSteps(t *testing.T) {
	for _, length := range []float64{1e-9, 1e-7, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			m, curvature, position, sharpness := short(t, length)
			b := &bowl{}
			r := run(t, m, b, walk.Options{})
			products, summed := 0, 0.0
			for i, source := range r.Segments.Column("curvature_source").Strings {
				tolerance := 1e-5
				switch source {
				case "hessian":
					products++
				case "samples":
					tolerance = 0.2 // the samples resolve it five times over
				default:
					t.Fatalf("segment %d: source %q", i, source)
				}
				near := func(name string, want float64) {
					t.Helper()
					c := r.Segments.Column(name)
					if got := c.Floats[i]; c.Valid != nil && !c.Valid[i] ||
						math.Abs(got-want) > tolerance*math.Abs(want) {
						t.Errorf("segment %d, %s: %s is %v, want %v", i, source, name, got, want)
					}
				}
				near("curvature", curvature[i])
				near("eta_sharpness", 0.5*sharpness[i])
				if source == "hessian" {
					floor := min(max(position[i], 0), 1)
					near("floor_position", floor)
					near("height_start", curvature[i]*floor*(position[i]-floor/2))
					if got := r.Segments.Column("rises").Bools[i]; got != (position[i] < 0.5) {
						t.Errorf("segment %d rises: %v", i, got)
					}
				}
				summed += sharpness[i] / float64(len(sharpness))
			}
			if length < 1e-4 && products != len(curvature) || length == 1 && products != 0 {
				t.Errorf("%d of %d segments took a product", products, len(curvature))
			}
			if products != b.products || products != r.Summary.ProductCurvatures ||
				r.Summary.UnresolvedCurvatures != 0 || r.Summary.UnresolvedSegments != 0 {
				t.Errorf("%d products, %d made, summary %+v", products, b.products, r.Summary)
			}
			if got := r.Summary.EtaSharpness.Mean; !got.Valid || math.Abs(got.Value-summed/2) > 0.2*summed/2 {
				t.Errorf("eta_sharpness is %v, want %v", got, summed/2)
			}
			text := said(r.Warnings, "below_rounding")
			if want := fmt.Sprintf("For %d of these steps the curvature is d'Hd",
				products); products > 0 != strings.Contains(text, want) {
				t.Errorf("warning: %q, want %q", text, want)
			}
		})
	}
}

// Without products curvature, floor and null are absent, and the warning has the reason.
func TestShortStepsWithoutProducts(t *testing.T) {
	for absent, loss := range map[string]analyze.Loss{
		"the loss offers no gradients": analyze.LossFunc((&bowl{}).Loss),
		"no products today":            &bowl{absent: "no products today"},
	} {
		m, _, _, _ := short(t, 1e-6)
		r := run(t, m, loss, walk.Options{})
		s := &r.Summary
		for name, d := range map[string]analyze.Distribution{
			"curvature": s.Curvature, "sharpness": s.Sharpness,
			"eta_sharpness": s.EtaSharpness, "floor_position": s.FloorPosition, "height_mean": s.HeightMean,
			"parabola_position": s.ParabolaPosition,
		} {
			if d.Count != 0 || d.Mean.Valid || d.Max.Valid {
				t.Errorf("%s: %s is %+v", absent, name, d)
			}
		}
		if s.FloorPositionWeighted.Valid || s.FloorInteriorRatio.Valid || s.RisesRatio.Valid || s.Null.Absent == "" {
			t.Errorf("%s: %+v", absent, s)
		}
		if s.UnresolvedCurvatures != 3 || s.UnresolvedSegments != 3 || s.ProductCurvatures != 0 {
			t.Errorf("%s: counts %+v", absent, s)
		}
		if got := said(r.Warnings, "below_rounding"); !strings.Contains(got, absent) {
			t.Errorf("the warning does not say %q: %q", absent, got)
		}
	}
}

func said(warnings []analyze.Warning, code string) string {
	for _, w := range warnings {
		if w.Code == code {
			return w.Text
		}
	}
	return ""
}

// kept is a store in memory.
type kept map[string][]float64

func (k kept) Lookup(unit string) ([]float64, bool) { v, ok := k[unit]; return v, ok }
func (k kept) Save(unit string, v []float64) error  { k[unit] = v; return nil }

// A product is a unit of the store and is not computed again.
func TestProductsAreKept(t *testing.T) {
	m, _, _, _ := short(t, 1e-6)
	store, b := kept{}, &bowl{}
	want := csv(t, run(t, m, b, walk.Options{Store: store}))
	got := csv(t, run(t, m, b, walk.Options{Store: store}))
	if got != want || b.products != 3 {
		t.Errorf("%d products; the tables are\n%s\nthen\n%s", b.products, want, got)
	}
	// A product that is not finite does not give a curvature.
	for unit := range store {
		if strings.HasSuffix(unit, "product") {
			store[unit] = []float64{1, math.NaN()}
		}
	}
	s := run(t, m, b, walk.Options{Store: store}).Summary
	if s.ProductCurvatures != 0 || s.UnresolvedCurvatures != 3 || !strings.Contains(s.ProductsAbsent, "not finite") {
		t.Errorf("%+v", s)
	}
}

// moving is a bowl whose loss has statistics.
type moving struct{ bowl }

func (*moving) SetState([]float32) bool { return true }

// A product does not include the change of running statistics along the step.
func TestMovingStatisticsHaveNoProducts(t *testing.T) {
	h := header(2)
	h.State, h.Columns.State, h.Columns.Grad = record.Pack(record.Tensor{
		Name: "mean", Kind: record.RunningMean,
		Shape: []int{1},
	}), true, false
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	for k := range 3 {
		if err := m.Append(&record.Step{
			Step: int64(k), Epoch: 1, Theta: []float32{float32(k) * 1e-7, 0},
			State: []float32{float32(k)},
		}); err != nil {
			t.Fatal(err)
		}
	}
	loss := &moving{}
	s := run(t, m, loss, walk.Options{}).Summary
	if loss.products != 0 || s.UnresolvedCurvatures != 2 || s.Curvature.Count != 0 ||
		!strings.Contains(s.ProductsAbsent, "running statistics change") {
		t.Errorf("%d products, %+v", loss.products, s)
	}
}
