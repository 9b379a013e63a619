package sketch

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

func mustSpec(t testing.TB, text string) Spec {
	t.Helper()
	s, err := ParseSpec(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open wraps a run in memory.
func open(t testing.TB, h *record.Header, spec Spec) (record.Sink, *record.Memory, *record.Header) {
	t.Helper()
	var m *record.Memory
	s, reduced, err := Sink(func(h *record.Header) (_ record.Sink, err error) {
		m, err = record.NewMemory(h)
		return m, err
	}, h, spec)
	if err != nil {
		t.Fatal(err)
	}
	return s, m, reduced
}

// unmarked is a trajectory that hides that it was reduced, for the suites that
// compare headers.
type unmarked struct {
	record.Trajectory
	header *record.Header
}

func (u unmarked) Header() *record.Header { return u.header }

func hide(t record.Trajectory) record.Trajectory {
	h := t.Header().Clone()
	h.Sketch = nil
	return unmarked{t, h}
}

// What keeps everything behaves as the sink and the trajectory that it wraps.
func TestConformance(t *testing.T) {
	for _, text := range []string{"", "subset:*"} {
		spec := mustSpec(t, text)
		t.Run("Sink/"+text, func(t *testing.T) {
			recordtest.Sink(t, func(t *testing.T, h *record.Header) (record.Sink, func() record.Trajectory) {
				s, m, _ := open(t, h, spec)
				return s, func() record.Trajectory { return hide(m) }
			})
		})
		t.Run("Trajectory/"+text, func(t *testing.T) {
			recordtest.Trajectory(t, func(t *testing.T, h *record.Header, rows []record.Step) record.Trajectory {
				r, err := Reduce(memory(t, h, rows), spec)
				if err != nil {
					t.Fatal(err)
				}
				return hide(r)
			})
		})
	}
}

func memory(t testing.TB, h *record.Header, rows []record.Step) *record.Memory {
	t.Helper()
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := m.Append(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// threeLayers has 20 + 4 + 12 parameters.
func threeLayers() *record.Header {
	h := recordtest.Header(36)
	h.Layout = record.Pack(
		record.Tensor{Name: "conv1.weight", Kind: record.Filter, Shape: []int{4, 1, 1, 5}},
		record.Tensor{Name: "conv1.bias", Kind: record.Bias, Shape: []int{4}},
		record.Tensor{Name: "linear.weight", Kind: record.Weight, Shape: []int{3, 4}})
	return h
}

// Each spec does to a row what its parts say, for theta and grad alike, and
// Reduce reads what Sink writes.
func TestSinkRows(t *testing.T) {
	h := threeLayers()
	rows := recordtest.Rows(h, 6, 4)
	for text, reduce := range map[string]func(v []float32) []float32{
		"subset:*weight":        func(v []float32) []float32 { return append(slices.Clone(v[:20]), v[24:]...) },
		"subset:linear*,*.bias": func(v []float32) []float32 { return slices.Clone(v[20:]) },
		"project:16:9":          func(v []float32) []float32 { return project(mustProjection(t, 36, 16, 9), v, 1) },
		"float16":               func(v []float32) []float32 { Float16.RoundTo(v, v); return v },
		"subset:conv*+bfloat16": func(v []float32) []float32 { BFloat16.RoundTo(v, v); return v[:24] },
		"subset:conv*+project:16": func(v []float32) []float32 {
			return project(mustProjection(t, 24, 16, 0), v[:24],
				1)
		},
		"subset:conv*+project:16+float16": func(v []float32) []float32 {
			v = project(mustProjection(t, 24, 16, 0), v[:24], 1)
			Float16.RoundTo(v, v)
			return v
		},
	} {
		t.Run(text, func(t *testing.T) {
			s, m, header := open(t, h, mustSpec(t, text))
			for i := range rows {
				if err := s.Append(&rows[i]); err != nil {
					t.Fatal(err)
				}
			}
			if d := cmp.Diff(m.Header(), header, cmp.Comparer(record.Schedule.Equal)); d != "" {
				t.Errorf("the returned header is not the inner one: %s", d)
			}
			late, err := Reduce(memory(t, h, rows), mustSpec(t, text))
			if err != nil {
				t.Fatal(err)
			}
			for i := range rows {
				want := rows[i]
				want.Theta = reduce(slices.Clone(want.Theta))
				if want.Grad != nil {
					want.Grad = reduce(slices.Clone(want.Grad))
				}
				for _, tr := range []record.Trajectory{m, late} {
					got, err := tr.Read(i, record.AllParts)
					if err != nil {
						t.Fatal(err)
					}
					if d := recordtest.Diff(&got, &want); d != "" {
						t.Errorf("row %d: %s", i, d)
					}
				}
				parts, err := late.Read(i, record.ScalarsOnly)
				if err != nil || parts.Theta != nil || parts.Grad != nil || parts.State != nil {
					t.Fatalf("row %d without vectors: %+v, %v", i, parts, err)
				}
				for _, v := range []struct {
					to   *[]float32
					read func(record.Trajectory, int) ([]float32, error)
				}{{&parts.Theta, record.ThetaOf}, {&parts.Grad, record.GradOf}, {&parts.State, record.StateOf}} {
					if *v.to, err = v.read(late, i); err != nil {
						t.Fatal(err)
					}
				}
				if d := recordtest.Diff(&parts, &want); d != "" {
					t.Errorf("row %d in parts: %s", i, d)
				}
			}
		})
	}
}

func TestSinkHeader(t *testing.T) {
	h := threeLayers()
	_, _, got := open(t, h, mustSpec(t, "subset:conv*+project:16:9"))
	want := &record.Sketch{Spec: "subset:conv*+project:16:9", Seed: 9, Parameters: 36, Layout: h.Layout}
	if d := cmp.Diff(want, got.Sketch); d != "" {
		t.Error(d)
	}
	layout := record.Layout{{Name: "projection", Kind: record.Other, Shape: []int{16}}}
	if d := cmp.Diff(layout, got.Layout); d != "" {
		t.Error(d)
	}
	if err := got.CheckEvaluable(); !errors.Is(err, record.ErrReduced) {
		t.Errorf("evaluable: %v", err)
	}
	_, _, subset := open(t, h, mustSpec(t, "subset:*.weight"))
	layout = record.Layout{h.Layout[0], h.Layout[2]}
	layout[1].Offset = 20
	if d := cmp.Diff(layout, subset.Layout); d != "" {
		t.Error(d)
	}
	_, _, rounded := open(t, h, mustSpec(t, "float16"))
	if err := rounded.CheckEvaluable(); err != nil || rounded.Sketch.Spec != "float16" {
		t.Errorf("rounded: %v, %+v", err, rounded.Sketch)
	}
	if h.Sketch != nil {
		t.Error("the caller's header was changed")
	}
}

func TestSinkRefused(t *testing.T) {
	inner := func(*record.Header) (record.Sink, error) { return nil, errors.New("inner") }
	reduced := threeLayers()
	reduced.Sketch = &record.Sketch{Spec: "float16", Parameters: 36, Layout: reduced.Layout}
	for _, test := range []struct {
		h          *record.Header
		text, want string
	}{
		{
			threeLayers(), "subset:dense*",
			`record: pattern "dense*" matches no tensor; the tensors are conv1.weight, conv1.bias, linear.weight`,
		},
		{threeLayers(), "project:256", "sketch: project is 256, but there are only 36 parameters; it must be less"},
		{threeLayers(), "subset:*bias+project:16", "sketch: project is 16, but there are only 4 parameters; it must " +
			"be less"},
		{reduced, "float16", "already reduced"},
		{threeLayers(), "float16", "inner"},
		{&record.Header{}, "float16", "format"},
	} {
		_, _, err := Sink(inner, test.h, mustSpec(t, test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.text, err, test.want)
		}
	}
}
