package main

import (
	"regexp"
	"slices"

	"sgdwalk/analyze/figure"
)

// labelFlags replace the words around figures. The name of a figure is the name of its files
// without their ending.
type labelFlags struct {
	Title    []string `json:",omitempty" group:"Figures" sep:"none" placeholder:"[FIGURE=]TEXT" help:"Title of all figures, or of the figure with this file name, as in loss=TEXT (default: what the figure shows; an empty text leaves it out)."`
	Subtitle []string `json:",omitempty" group:"Figures" sep:"none" placeholder:"[FIGURE=]TEXT" help:"Line beneath the title (default: the run; an empty text leaves it out)."`
	XLabel   []string `json:",omitempty" group:"Figures" name:"xlabel" sep:"none" placeholder:"[FIGURE=]TEXT" help:"Label of the x axis."`
	YLabel   []string `json:",omitempty" group:"Figures" name:"ylabel" sep:"none" placeholder:"[FIGURE=]TEXT" help:"Label of the y axis. In a figure with several panels the first --ylabel is of the top panel, the second of the next; an empty text keeps the label of a panel."`
}

// labelRule is the text of a label, and the name of its figure; "" is every figure.
type labelRule struct{ flag, figure, text string }

type labelRules []labelRule

// ofFigure finds FIGURE= at the start of a text. Nothing before the sign is every figure, for
// texts that have such a sign themselves.
var ofFigure = regexp.MustCompile(`^([a-z][a-z0-9_]*)?=`)

// rules returns the labels that the flags choose.
func (f *labelFlags) rules() (rules labelRules) {
	for _, flag := range []struct {
		name  string
		texts []string
	}{{"title", f.Title}, {"subtitle", f.Subtitle}, {"xlabel", f.XLabel}, {"ylabel", f.YLabel}} {
		for _, text := range flag.texts {
			r := labelRule{flag: flag.name, text: text}
			if at := ofFigure.FindStringSubmatch(text); at != nil {
				r.figure, r.text = at[1], text[len(at[0]):]
			}
			rules = append(rules, r)
		}
	}
	return rules
}

// texts returns the texts of a flag for the named figure: its own, or those of every figure.
func (r labelRules) texts(flag, name string) []string {
	var own, every []string
	for _, rule := range r {
		switch {
		case rule.flag != flag:
		case rule.figure == name:
			own = append(own, rule.text)
		case rule.figure == "":
			every = append(every, rule.text)
		}
	}
	if own != nil {
		return own
	}
	return every
}

// of returns the labels of the named figure.
func (r labelRules) of(name string) (l figure.Labels) {
	last := func(flag string) *string {
		if texts := r.texts(flag, name); texts != nil {
			return &texts[len(texts)-1]
		}
		return nil
	}
	l.Title, l.Subtitle, l.YLabels = last("title"), last("subtitle"), r.texts("ylabel", name)
	if x := last("xlabel"); x != nil {
		l.XLabel = *x
	}
	return l
}

// unused returns the rules for figures that were not drawn.
func (r labelRules) unused(drawn []string) (out labelRules) {
	for _, rule := range r {
		if rule.figure != "" && !slices.Contains(drawn, rule.figure) {
			out = append(out, rule)
		}
	}
	return out
}
