package main

import (
	"context"

	"sgdwalk/analyze"
	"sgdwalk/analyze/landscape"
)

// alignedPlane is a plane through points of which all but the first are permuted copies.
type alignedPlane struct {
	*analysis
	units  *alignable
	loss   analyze.Loss
	points []landscape.Point // as they are, without the permutations
}

// alignedPlane returns nil unless the flags request an alignment.
func (c *landscapeCmd) alignedPlane(a *analysis) (*alignedPlane, error) {
	if !c.Align {
		return nil, nil
	}
	units, err := a.aligner(a.Run, c.alignFlags, c.Layout, c.AllowNoisyObjective)
	return &alignedPlane{analysis: a, units: units}, err
}

// choose makes the options of the plane align its points.
func (p *alignedPlane) choose(ctx context.Context, o *landscape.PlaneOptions) {
	p.points = nil
	o.Point = func(text string) ([]float32, string, error) {
		s, name, err := p.iterate(text)
		p.points = append(p.points, landscape.Point{Name: name, Theta: s.Theta, State: s.State})
		return s.Theta, name, err
	}
	o.Align = func(points [][]float32) ([][]float32, error) {
		if p.points[0].State == nil || !takesState(p.loss) {
			for i := range p.points {
				p.points[i].State = nil
			}
		}
		aligned := [][]float32{points[0]}
		for i := range p.points[1:] {
			x := &p.points[1+i]
			var err error
			if x.Match, err = p.units.match(ctx, p.loss, points[0], x.Theta, x.State); err != nil {
				return nil, err
			}
			aligned = append(aligned, x.Match.Theta)
		}
		return aligned, nil
	}
}

// finish evaluates the lines between the points, before and after the alignment, and adds
// them to the result.
func (p *alignedPlane) finish(ctx context.Context, r *landscape.Result) error {
	if p == nil || p.role != nil && p.role.preview {
		return nil
	}
	var thetas [][]float32
	for i := range p.points {
		thetas = append(thetas, p.points[i].Theta)
	}
	null, err := p.units.null(ctx, thetas...)
	if err != nil {
		return p.interrupted(ctx, err)
	}
	b, err := landscape.BetweenPoints(ctx, p.units.Specification, p.points, p.loss, p.kept, p.progress)
	if err != nil {
		return p.interrupted(ctx, err)
	}
	b.Summary[0].Alignment.Null = null
	r.Summary.Between = b.Summary
	p.Warnings = append(p.Warnings, b.Warnings...)
	p.Warnings.Add(p.points[0].State != nil, "plane_statistics", "the plane is evaluated with the running statistics of the "+
		"last iterate of %s, which do not belong to the other points; the lines between the points use the statistics of "+
		"both ends. --norm batch and --norm recompute use those of every point", p.Dir)
	return p.tables(namedTable{"between_losses", &b.Lines}, namedTable{"alignment", &b.Tensors},
		namedTable{"permutations", &b.Places})
}
