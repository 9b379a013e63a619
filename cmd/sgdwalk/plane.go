package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
	"sgdwalk/analyze/landscape"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
	"sgdwalk/record/exchange"
)

// planeFlags choose the plane, or the lines, of a landscape.
type planeFlags struct {
	Plane        string `default:"pca" enum:"pca,random,hessian,through,file" help:"Directions: pca, random, hessian (eigenvectors), through (points) or file (default ${default}; --through, --directions and --eigenvectors say so themselves)."`
	At           string `placeholder:"POINT" help:"Where the plane is fixed: STEP, RUN@STEP or RUN for its last iterate (default: the center of the PCA, otherwise the last iterate)."`
	Components   string `default:"1,2" placeholder:"I,J" help:"Which principal directions (default ${default})."`
	Normalize    string `default:"" enum:",filter,layer,none" help:"Lengths of random directions and of those from a file: filter (Li et al.), layer or none (default filter; none for a file)."`
	OneDim       string `name:"one-dim" default:"zero" enum:"zero,copy" help:"Biases and normalization parameters in such directions: zero, or a copy of the parameters (default ${default})."`
	Orthogonal   bool   `help:"Make the second random direction orthogonal to the first, filter by filter."`
	PlaneSeed    uint64 `default:"0" placeholder:"N" help:"Seed of random directions and of the Lanczos iteration (default ${default})."`
	Through      string `placeholder:"POINT,..." help:"A plane through two or three points of any runs of one layout; with two the second direction is random."`
	Directions   string `placeholder:"FILE[,FILE]" help:"Directions from .npy, .npz or .safetensors files: the first two vectors in them."`
	Eigenvectors string `default:"" placeholder:"I,J" help:"Which eigenvectors of the Hessian: 1 has the largest eigenvalue, -1 the smallest (default 1,2)."`
	Products     int    `default:"100" help:"Most Hessian-vector products for them (default ${default})."`
}

// planeHelp explains the flags with examples.
const planeHelp = `The plane goes through the mean of the iterates along their first two principal directions,
or as --plane says:
  sgdwalk landscape --plane random RUN                  filter-normalized, as Li et al. (2018)
  sgdwalk landscape --plane random --normalize layer --at 100 --plane-seed 7 RUN
  sgdwalk landscape --plane hessian --eigenvectors 1,-1 RUN
  sgdwalk landscape --through RUN@0,RUN@-1,RUN2 RUN     three points, at (0,0), (1,0), (0,1)
  sgdwalk landscape --through RUN,RUN2 RUN              two points; the second axis is random
  sgdwalk landscape --directions dirs.npz --at 0 RUN
  sgdwalk landscape --lines 10 RUN                      the loss along ten random lines`

// planeOf is the plane of a landscape and what is known of it.
type planeOf struct {
	plane  analyze.Plane
	lines  []analyze.Line // instead of a plane
	recipe landscape.PlaneRecipe
	labels [2]string // of the axes
	fit    *pca.Result
	around [][2]float64
	square bool // the range is -1 to 1 by default, as directions are as long as the parameters
	warn   []analyze.Warning
	path   *landscape.Projection // where the path lies on it, of one that a plan has kept
}

// kind is the one that the flags name or imply.
func (f *planeFlags) kind() (string, error) {
	kind := f.Plane
	if kind == "" { // a caller that gives no flags
		kind = "pca"
	}
	for _, other := range []struct{ flag, value, kind string }{
		{"--through", f.Through, "through"}, {"--directions", f.Directions, "file"}, {"--eigenvectors", f.Eigenvectors, "hessian"},
	} {
		switch {
		case other.value == "" && f.Plane == other.kind && other.kind != "hessian":
			return "", usagef("--plane %s needs %s", f.Plane, other.flag)
		case other.value == "" || kind == other.kind:
		case kind == "pca":
			kind = other.kind
		default:
			return "", usagef("%s is %q, but the plane is %s; give one of the two", other.flag, other.value, kind)
		}
	}
	if f.Orthogonal && kind != "random" {
		return "", usagef("--orthogonal is given for a plane of kind %s; it is for random ones", kind)
	}
	if f.Normalize != "" && kind != "random" && kind != "file" && kind != "through" {
		return "", usagef("--normalize is %q for a plane of kind %s; it is for random, through and file", f.Normalize, kind)
	}
	if f.At != "" && kind == "through" {
		return "", usagef("--at is %q, but --through says where the plane is", f.At)
	}
	return kind, nil
}

// choose makes the plane. The loss is asked for eigenvectors only.
func (f *planeFlags) choose(ctx context.Context, a *analysis, fit pca.Options, gradient func() (analyze.Gradient, error)) (*planeOf, error) {
	kind, err := f.kind()
	if err != nil {
		return nil, err
	}
	p := &planeOf{recipe: landscape.PlaneRecipe{Kind: landscape.PlaneKind(kind), Seed: f.PlaneSeed}}
	switch kind {
	case "pca":
		err = f.principal(ctx, a, p, fit)
	case "random":
		err = f.random(a, p)
	case "hessian":
		err = f.hessian(ctx, a, p, gradient)
	case "through":
		err = f.through(a, p)
	default:
		err = f.file(a, p)
	}
	return p, err
}

// origin returns the point where the plane is fixed.
func (f *planeFlags) origin(a *analysis, p *planeOf) (theta []float32, err error) {
	at := f.At
	if at == "" {
		at = "-1"
	}
	theta, p.recipe.Origin, err = a.point(at)
	return theta, err
}

func (f *planeFlags) principal(ctx context.Context, a *analysis, p *planeOf, o pca.Options) error {
	components := f.Components
	if components == "" {
		components = "1,2"
	}
	first, second, err := pairOf("--components", components, 1)
	if err != nil {
		return err
	}
	o.Components = max(first, second)
	a.fitKernel = pca.Kernel()
	if p.fit, err = pca.Fit(ctx, a.trace, o); err != nil {
		return err
	}
	if n := len(p.fit.Components); n < o.Components {
		return fmt.Errorf("landscape: the iterates span %d direction; --components %s needs %d", n, components, o.Components)
	}
	var origin []float32
	p.recipe.Origin = string(p.fit.Summary.Center)
	if f.At != "" {
		if origin, err = f.origin(a, p); err != nil {
			return err
		}
	}
	s := &p.fit.Summary
	for i, k := range []int{first, second} {
		p.recipe.Directions = append(p.recipe.Directions, "pc"+strconv.Itoa(k))
		p.labels[i] = fmt.Sprintf("PC%d: %s of variance (random walk %s)", k, percent(s.ExplainedVarianceRatio[k-1]), percent(at(s.RandomWalk.ExplainedVarianceRatio, k-1)))
	}
	p.warn = p.fit.Warnings
	p.plane, err = p.fit.Plane(first, second, origin)
	return err
}

// directionOptions are those of random directions, and of given ones that are
// normalized.
func (f *planeFlags) directionOptions(p *planeOf, preset string) landscape.DirectionOptions {
	if f.Normalize != "" {
		preset = f.Normalize
	}
	o := landscape.DirectionOptions{Normalization: landscape.Normalization(preset), OneDimensional: landscape.OneDimensional(f.OneDim), Orthogonal: f.Orthogonal, Seed: f.PlaneSeed}
	p.recipe.Normalization, p.recipe.OneDimensional, p.recipe.Orthogonal = preset, f.OneDim, f.Orthogonal
	return o
}

func (f *planeFlags) random(a *analysis, p *planeOf) error {
	theta, err := f.origin(a, p)
	if err != nil {
		return err
	}
	o := f.directionOptions(p, "filter")
	if p.plane, err = landscape.RandomPlane(theta, a.trace.Header().Layout, o); err != nil {
		return err
	}
	p.square = true
	for i := range p.labels {
		p.recipe.Directions = append(p.recipe.Directions, fmt.Sprintf("random%d", i+1))
		p.labels[i] = fmt.Sprintf("random direction %d, %s (seed %d)", i+1, p.recipe.LengthText(), f.PlaneSeed)
	}
	return nil
}

func (f *planeFlags) hessian(ctx context.Context, a *analysis, p *planeOf, gradient func() (analyze.Gradient, error)) error {
	text := f.Eigenvectors
	if text == "" {
		text = "1,2"
	}
	first, second, err := pairOf("--eigenvectors", text, -curvatureMost)
	if err != nil {
		return err
	}
	theta, err := f.origin(a, p)
	if err != nil {
		return err
	}
	g, err := gradient()
	if err != nil {
		return err
	}
	o := curvature.Options{Top: max(first, second, 1), Bottom: max(-first, -second, -1), MaxProducts: f.Products, TraceSamples: -1, DensityProbes: -1, Seed: f.PlaneSeed, Progress: a.progress}
	if err := o.Validate(); err != nil {
		return usageError{err}
	}
	r, err := curvature.Compute(ctx, theta, g, o)
	if err != nil {
		return a.interrupted(ctx, err)
	}
	of := "of the Hessian"
	if p.recipe.ProductMethod = r.Summary.ProductMethod; p.recipe.ProductMethod != curvature.Exact {
		of += " (finite differences)"
		p.warn = append(p.warn, analyze.Warning{Code: "finite_differences", Text: "the eigenvectors of the plane are from " + p.recipe.ProductMethod})
	}
	vectors := [2][]float32{}
	for i, k := range []int{first, second} {
		pairs := r.Top
		if k < 0 {
			pairs = r.Bottom
		}
		at := max(k, -k) - 1
		if at >= len(pairs) {
			return fmt.Errorf("landscape: eigenvector %d was not found: %d products gave %d pairs on that side", k, r.Summary.LanczosProducts, len(pairs))
		}
		e := pairs[at]
		vectors[i] = e.Vector
		p.recipe.Directions = append(p.recipe.Directions, fmt.Sprintf("eigenvector %d", k))
		p.recipe.Eigenvalues, p.recipe.Residuals = append(p.recipe.Eigenvalues, e.Value), append(p.recipe.Residuals, e.Residual)
		p.labels[i] = fmt.Sprintf("eigenvector %d %s, \u03bb = %.3g", k, of, e.Value)
		if !e.Converged {
			p.warn = append(p.warn, analyze.Warning{Code: "eigenvector_not_converged", Text: fmt.Sprintf("eigenvector %d has not converged in %d products (eigenvalue %.3g, residual %.2g); --products gives it more", k, r.Summary.LanczosProducts, e.Value, e.Residual)})
		}
	}
	p.plane, err = analyze.NewPlane(theta, vectors[0], vectors[1])
	return err
}

// curvatureMost bounds the number of an eigenvector.
const curvatureMost = 50

func (f *planeFlags) through(a *analysis, p *planeOf) error {
	names := strings.Split(f.Through, ",")
	if len(names) != 2 && len(names) != 3 {
		return usagef("--through has %d points; it must have 2 or 3, with commas between them", len(names))
	}
	points, said := make([][]float32, len(names)), make([]string, len(names))
	for i, name := range names {
		var err error
		if points[i], said[i], err = a.point(name); err != nil {
			return err
		}
	}
	p.recipe.Origin, p.recipe.Directions = said[0], said[1:]
	p.around = [][2]float64{{0, 0}, {1, 0}, {0, 1}}[:len(points)]
	p.labels = [2]string{fmt.Sprintf("0: %s, 1: %s", said[0], said[1]), ""}
	var err error
	if len(points) == 3 {
		p.labels[1] = fmt.Sprintf("0: %s, 1: %s", said[0], said[2])
		p.plane, err = analyze.PlaneThrough(points[0], points[1], points[2])
		return err
	}
	if f.Normalize == "none" {
		return usagef("--normalize is %q, but two points leave the length of the second direction open; allowed are filter and layer", f.Normalize)
	}
	o := f.directionOptions(p, "filter")
	layout := a.trace.Header().Layout
	across, err := landscape.RandomDirections(points[0], layout, 1, o)
	if err != nil {
		return err
	}
	p.around = append(p.around, [2]float64{0, -1}, [2]float64{0, 1})
	p.recipe.Directions = append(p.recipe.Directions, "random1")
	p.labels[1] = fmt.Sprintf("random direction, %s (seed %d)", p.recipe.LengthText(), f.PlaneSeed)
	u := make([]float32, len(points[0]))
	for i := range u {
		u[i] = points[1][i] - points[0][i]
	}
	p.plane, err = analyze.NewPlane(points[0], u, across[0])
	return err
}

func (f *planeFlags) file(a *analysis, p *planeOf) error {
	theta, err := f.origin(a, p)
	if err != nil {
		return err
	}
	layout := a.trace.Header().Layout
	o := f.directionOptions(p, "none")
	var vectors []exchange.Vector
	for name := range strings.SplitSeq(f.Directions, ",") {
		v, err := exchange.Vectors(name, layout)
		if err != nil {
			return err
		}
		vectors = append(vectors, v...)
	}
	if len(vectors) < 2 {
		return fmt.Errorf("landscape: --directions %s has %d vector; a plane needs 2", f.Directions, len(vectors))
	}
	for i := range p.labels {
		if f.Normalize != "" {
			if vectors[i].Values, err = landscape.Normalize(vectors[i].Values, theta, layout, o); err != nil {
				return err
			}
		}
		p.recipe.Directions = append(p.recipe.Directions, vectors[i].Name)
		p.labels[i] = "direction " + vectors[i].Name
		if f.Normalize != "" {
			p.labels[i] += ", " + p.recipe.LengthText()
		}
	}
	p.plane, err = analyze.NewPlane(theta, vectors[0].Values, vectors[1].Values)
	return err
}

// pairOf reads two different whole numbers, from low on and not 0.
func pairOf(flag, text string, low int) (first, second int, err error) {
	a, b, ok := strings.Cut(text, ",")
	if ok {
		if first, err = strconv.Atoi(a); err == nil {
			second, err = strconv.Atoi(b)
		}
	}
	if !ok || err != nil || first == second || min(first, second) < low || max(first, second) > curvatureMost || first == 0 || second == 0 {
		return 0, 0, usagef("%s is %q; it must be two different whole numbers of %d to %d, for example 1,2", flag, text, low, curvatureMost)
	}
	return first, second, nil
}

// point returns a copy of the iterate that POINT names: STEP of the run at hand,
// RUN@STEP, or RUN for its last iterate. It also returns what to call it.
func (a *analysis) point(text string) (theta []float32, said string, err error) {
	if step, err := strconv.ParseInt(text, 10, 64); err == nil && step >= -1 {
		s, err := a.iterate(step)
		return append([]float32(nil), s.Theta...), fmt.Sprintf("step %d", s.Step), err
	}
	run, step := text, int64(-1)
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		if step, err = strconv.ParseInt(text[i+1:], 10, 64); err != nil || step < -1 {
			return nil, "", usagef("point %q: %q is no step; it must be a whole number of 0 or more, or -1 for the last", text, text[i+1:])
		}
		run = text[:i]
	}
	if run == "" {
		return a.point(strconv.FormatInt(step, 10))
	}
	other, err := (&runFlags{Run_: run}).open(a.env, "landscape")
	if err != nil {
		return nil, "", err
	}
	defer other.close()
	here, there := a.trace.Header(), other.trace.Header()
	if !there.Layout.Equal(here.Layout) {
		return nil, "", fmt.Errorf("%s and %s have different layouts (%s with %d parameters and %s with %d): no plane goes through both", a.run, run, here.Model, here.Layout.Len(), there.Model, there.Layout.Len())
	}
	s, err := other.iterate(step)
	if err != nil {
		return nil, "", err
	}
	if err := a.dependsOn(other.trace); err != nil {
		return nil, "", err
	}
	if here.Model != there.Model {
		a.warn = append(a.warn, analyze.Warning{Code: "other_model", Text: fmt.Sprintf("%s is a run of %s: the loss at its point is that of %s, which has the same layout", filepath.Base(run), there.Model, here.Model)})
	}
	return append([]float32(nil), s.Theta...), fmt.Sprintf("%s step %d", filepath.Base(run), s.Step), nil
}

// directionTable has the origin and the directions, one row a parameter.
func (p *planeOf) directionTable() record.Table {
	if p.fit != nil && len(p.fit.Components) == 2 && p.recipe.Origin == string(p.fit.Summary.Center) {
		return componentTable(p.fit)
	}
	index := make([]int64, p.plane.Len())
	for i := range index {
		index[i] = int64(i)
	}
	return record.Table{Columns: []record.Column{
		{Name: "parameter", Ints: index},
		{Name: "reference", Floats: widen(p.plane.Origin)},
		{Name: "u", Floats: widen(p.plane.U)},
		{Name: "v", Floats: widen(p.plane.V)},
	}}
}

// at is element i, or 0 beyond the end: a null has no more directions than its rows.
func at(v []float64, i int) float64 {
	if i < len(v) {
		return v[i]
	}
	return 0
}
