package walk

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// noisy samples slope*a + curvature/2*a^2 above 2.3 with independent noise.
func noisy(g *grid, slope, curvature, noise float64, rng *rand.Rand) []float64 {
	out := make([]float64, len(g.alphas))
	for i, a := range g.alphas {
		out[i] = 2.3 + a*(slope+a*curvature/2) + noise*rng.NormFloat64()
	}
	return out
}

// A measured value is right within the resolution. A value below the resolution is absent
// and counted.
func TestResolution(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	alphas := make([]float64, 11)
	for i := range alphas {
		alphas[i] = float64(i) / 10
	}
	g := newGrid(alphas, 0, 10, 0)
	const noise = 3e-9
	for _, c := range []struct {
		name                     string
		slope, curvature, length float64
		floor, bends, up         bool // the floor, the curvature, and rises have values
	}{
		{"a long step", -3e-3, 3e-5, 1e-2, true, true, true},
		{"the curvature is resolved by the parabola alone", -3e-4, 2e-7, 1e-3, true, true, true},
		{"a straight line", -3e-5, 3e-9, 1e-4, true, false, true},
		{"noise", -1e-10, 1e-10, 1e-7, false, false, false},
		{"no step", 0, 0, 0, false, false, false},
	} {
		for range 50 {
			losses := noisy(g, c.slope, c.curvature, noise, rng)
			s := g.measure(losses)
			g.resolve(&s, losses, c.length)
			bends := s.curvature.Valid && !s.flat && !s.straight && !s.zero
			if s.floorPosition.Valid != c.floor || s.floorInterior.Valid != c.floor || bends != c.bends ||
				s.rises.Valid != c.up {
				t.Fatalf("%s: %+v", c.name, s)
			}
			if c.floor && (s.floorInterior.Value || s.floorPosition.Value != 1) {
				t.Fatalf("%s: the floor is at %v", c.name, s.floorPosition.Value)
			}
			if bends && math.Abs(s.curvature.Value-c.curvature) > s.resolution.Value*g.curvatureGain {
				t.Fatalf("%s: curvature %v, want %v", c.name, s.curvature.Value, c.curvature)
			}
			if s.zero != (c.length == 0) || s.parabolaPosition.Valid && !c.bends {
				t.Fatalf("%s: %+v", c.name, s)
			}
		}
	}
	// A curve that is rough for real keeps its floor.
	rough := []float64{2, 1, 2, 1, 2, 0.5, 2, 1, 2, 1, 2}
	s := g.measure(rough)
	if g.resolve(&s, rough, 1); !s.floorInterior.Value || !s.floorPosition.Valid {
		t.Errorf("a rough curve: %+v", s)
	}
}

// Every sentence is tested on both sides of its threshold.
func TestFindings(t *testing.T) {
	text := func(s *Summary) string { return strings.Join(analyze.Texts(s.Findings()), "\n") }
	s := &Summary{Segments: 4}
	if got := text(s); strings.Contains(got, "s*") || strings.Contains(got, "rises") ||
		strings.Contains(got, "barriers (") {
		t.Errorf("nothing is known: %q", got)
	}
	s.ZeroSegments, s.UnresolvedSegments = 1, 2
	if got := text(s); !strings.Contains(got, "1 of them have a known floor: 1 have length 0, 2 change the loss by "+
		"no more than rounding") {
		t.Errorf("counts: %q", got)
	}
	s.FloorInteriorRatio = record.Some(0.25)
	if got := text(s); !strings.Contains(got, "25 % of the steps") || !strings.Contains(got, "no floor position") {
		t.Errorf("without a weighted position: %q", got)
	}
	s.FloorPositionWeighted = record.Some(1.25)
	if got := text(s); !strings.Contains(got, "s* = 1.25 of the step") {
		t.Errorf("with a weighted position: %q", got)
	}
}

// The warning says where curvatures come from, with counts.
func TestDescribeCurvatures(t *testing.T) {
	for _, c := range []struct {
		s             Summary
		says, saysNot string
	}{
		{Summary{Segments: 4, ProductCurvatures: 2}, "the sampled losses of 2 of 4 steps", "absent"},
		{
			Summary{Segments: 4, UnresolvedCurvatures: 3, UnresolvedSegments: 1, ProductsAbsent: "REASON"},
			"For 3 of these steps curvature, sharpness and eta_sharpness are absent, and for 1 the floor is absent " +
				"too, because REASON", "product",
		},
	} {
		if got := c.s.describeCurvatures(); !strings.Contains(got, c.says) || strings.Contains(got, c.saysNot) {
			t.Errorf("%+v: %q", c.s, got)
		}
	}
}

// A walk that does not reach far gets a suggestion of alphas, and no other walk does.
func TestSuggestAlphas(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		named     bool
	}{{0, 1, true}, {-0.5, 1.9, true}, {-0.4, 2, true}, {-0.5, 2, false}, {-1, 3, false}} {
		if got := (&Summary{AlphaMin: c.low, AlphaMax: c.high}).suggestAlphas(); (got != "") != c.named {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// With several learning rates there is no single eta, and values that need one are absent.
func TestSeveralLearningRates(t *testing.T) {
	b := newBuilder([]float64{0, 1}, nil)
	b.severalRates = true
	for k := range 3 {
		s := segment{row: k, Step: record.Step{Step: int64(k), Epoch: 1, LearningRate: record.Some(0.5)}}
		b.add(&s, 1, shape{start: record.Some(1), end: record.Some(0.5), curvature: record.Some(1 + float64(k))})
	}
	table := column.Of(b.rows)
	if c := table.Column("eta_sharpness"); c.Valid == nil || c.Valid[0] {
		t.Error("eta_sharpness has a value")
	}
	if q, c := match(&table, 0); q != nil || !strings.Contains(c.Absent, "needs a single learning rate") {
		t.Errorf("a null was matched: %+v", c)
	}
}
