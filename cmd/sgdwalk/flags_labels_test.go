package main

import (
	"slices"
	"testing"
)

func TestLabelRules(t *testing.T) {
	f := labelFlags{
		Title:  []string{"every figure", "loss=the losses", "=a = b"},
		XLabel: []string{"k"},
		YLabel: []string{"first", "second", "walk=", "walk=cosine"},
	}
	rules := f.rules()
	for _, c := range []struct {
		figure, title string
		y             []string
	}{
		{"loss", "the losses", []string{"first", "second"}},
		{"walk", "a = b", []string{"", "cosine"}},
	} {
		l := rules.of(c.figure)
		if l.Title == nil || *l.Title != c.title {
			t.Errorf("title of %s is %v, want %q", c.figure, l.Title, c.title)
		}
		if l.Subtitle != nil {
			t.Errorf("%s has the subtitle %q; no flag sets it", c.figure, *l.Subtitle)
		}
		if l.XLabel != "k" || !slices.Equal(l.YLabels, c.y) {
			t.Errorf("labels of %s are %q and %q, want k and %q", c.figure, l.XLabel, l.YLabels, c.y)
		}
	}
	unused := rules.unused([]string{"walk", "profile"})
	if len(unused) != 1 || unused[0].figure != "loss" {
		t.Errorf("unused rules are %v; only the one of the figure loss is", unused)
	}
	if l := labelRules(nil).of("loss"); l.Title != nil || l.XLabel != "" || l.YLabels != nil {
		t.Errorf("without flags the labels are %v", l)
	}
}
