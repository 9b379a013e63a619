package main

import (
	"context"

	"sgdwalk/analyze"
	"sgdwalk/analyze/align"
	"sgdwalk/cmd/runloss"
)

// alignFlags permute the hidden units of a point before it is compared with another one.
type alignFlags struct {
	Align  bool `help:"Also permute the hidden units of the second point so that it comes close to the first (Git Re-Basin), and evaluate the loss between them again. A model of another program needs the names of its axes: see --layout."`
	Orders int  `default:"3" placeholder:"N" help:"Orders of the layers from which --align searches; the best result is taken (default ${default})."`
}

// checkAlign refuses a wrong number of orders.
func (f *alignFlags) checkAlign() error {
	if f.Orders < 1 || f.Orders > 1000 {
		return usagef("--orders is %d; it must be 1 to 1000", f.Orders)
	}
	return nil
}

func (f *alignFlags) options(p analyze.Progress) align.Options {
	return align.Options{Orders: f.Orders, Progress: p}
}

// alignRecipe returns the options that a result keeps; nil without an alignment.
func (f *alignFlags) alignRecipe() *align.Options {
	if !f.Align {
		return nil
	}
	o := f.options(nil)
	return &o
}

// alignable permutes the hidden units of points.
type alignable struct {
	*runloss.Aligner
	options align.Options
	check   bool // evaluate a permuted copy first, if the names of axes come from a user
}

// aligner returns the specification of the hidden units of a run.
func (a *analysis) aligner(run *runloss.Run, f alignFlags, layoutFile string, noisy bool) (*alignable, error) {
	x, err := run.Aligner(layoutFile)
	if err != nil {
		return nil, err
	}
	a.Warnings.Add(noisy && !x.IsNative, "axes_not_checked", "the loss is noisy, so whether the names of axes are right was "+
		"not checked: a wrong name makes the aligned end another function")
	return &alignable{Aligner: x, options: f.options(a.progress), check: !noisy}, nil
}

// null aligns pairs of random points.
func (x *alignable) null(ctx context.Context, ends ...[]float32) (*align.NullSummary, error) {
	return x.Null(ctx, x.options, ends...)
}

// match aligns a point with a reference. The state belongs to the point, for the check.
func (x *alignable) match(ctx context.Context, loss analyze.Loss, reference, theta, state []float32,
) (*align.Result, error) {
	if x.check {
		if err := x.Check(ctx, loss, theta, state); err != nil {
			return nil, err
		}
		x.check = false // the axes are the same for every point
	}
	return align.Match(ctx, x.Specification, reference, theta, x.options)
}

// alignmentTables are the tables of one alignment.
func alignmentTables(r *align.Result) []namedTable {
	return []namedTable{{"alignment", &r.Tensors}, {"permutations", &r.Places}}
}

// takesState reports whether a loss uses running statistics that an analysis may set.
func takesState(loss analyze.Loss) bool {
	s, ok := loss.(analyze.Stateful)
	return ok && s.SetState(nil)
}

// method adds to the method of an analysis that units were permuted.
func method(text string, aligned bool) string {
	if aligned {
		text += " " + align.Method
	}
	return text
}

// citation adds the citation of the alignment.
func citation(text string, aligned bool) string {
	if aligned {
		text += align.Citation
	}
	return text
}
