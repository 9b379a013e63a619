package record_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

func reducedHeader() *record.Header {
	h := recordtest.Header(50)
	h.Sketch = &record.Sketch{Spec: "project:8", Seed: 3, Parameters: 50, Layout: h.Layout}
	h.Layout = record.Pack(record.Tensor{Name: "projection", Kind: record.Other, Shape: []int{8}})
	return h
}

func TestHeaderSketch(t *testing.T) {
	plain, err := recordtest.Header(50).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(plain), "sketch") {
		t.Error("a header without sketch speaks of one")
	}
	h := reducedHeader()
	b, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := record.DecodeHeader(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(h.Sketch, back.Sketch); d != "" {
		t.Error(d)
	}
	c := h.Clone()
	c.Sketch.Layout[0].Shape[0] = 99
	if h.Sketch.Layout[0].Shape[0] == 99 {
		t.Error("a clone shares the layout")
	}
}

func TestHeaderEvaluable(t *testing.T) {
	h := reducedHeader()
	err := h.CheckEvaluable()
	const want = `record: theta was reduced by "project:8" from 50 parameters to 8: a loss cannot be evaluated on it`
	if !errors.Is(err, record.ErrReduced) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	h.Sketch.Spec, h.Layout = "float16", h.Sketch.Layout // rounded, but all there
	for _, h := range []*record.Header{h, recordtest.Header(50)} {
		if err := h.CheckEvaluable(); err != nil {
			t.Error(err)
		}
	}
}

func TestHeaderSketchInvalid(t *testing.T) {
	for name, change := range map[string]func(*record.Sketch){
		"no spec":    func(s *record.Sketch) { s.Spec = "" },
		"no layout":  func(s *record.Sketch) { s.Layout = nil },
		"parameters": func(s *record.Sketch) { s.Parameters = 51 },
		"bad layout": func(s *record.Sketch) { s.Layout[0].Name = "" },
	} {
		h := reducedHeader()
		change(h.Sketch)
		if err := h.Validate(); err == nil || !strings.Contains(err.Error(), "sketch") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
