package landscape

import (
	"context"
	"fmt"
	"strconv"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// PlaneOptions are the options of ChoosePlane. Only the fields of the kind are used.
type PlaneOptions struct {
	Kind PlaneKind
	At   string // the point where the plane is fixed; empty for the last iterate, or the center of the PCA

	PCA          pca.Options // of kind pca
	Components   [2]int      // of kind pca: which principal directions, from 1
	Eigenvectors [2]int      // of kind hessian: 1 has the largest eigenvalue, -1 the smallest
	Products     int         // of kind hessian: most Hessian-vector products
	Through      []string    // of kind through: two or three points
	Directions   []Direction // of kind file: two vectors

	Normalize  string // (default: filter for random directions, none for directions from files)
	OneDim     OneDimensional
	Orthogonal bool // make the second random direction orthogonal to the first, filter by filter
	Seed       uint64

	// Point returns a copy of the iterate that a text names, and its name for a reader.
	Point func(text string) (theta []float32, name string, err error)
	// Align, if not nil, replaces the points of kind through after the first one by copies with
	// permuted hidden units that are close to the first one (package align).
	Align    func(points [][]float32) ([][]float32, error)
	Gradient analyze.Gradient // of kind hessian
	Progress analyze.Progress
}

// Direction is a vector with its name.
type Direction struct {
	Name   string
	Values []float32
}

// ChosenPlane is a plane together with how it was chosen and how to draw it.
type ChosenPlane struct {
	Plane    analyze.Plane
	Recipe   PlaneRecipe
	Labels   [2]string    // of the axes
	Fit      *pca.Result  // of kind pca
	Around   [][2]float64 // coordinates that the grid must cover
	Square   bool         // the default range is -1 to 1, because directions have the norms of the parameters
	Warnings []analyze.Warning
	Path     *Projection // of the path onto the plane; nil when it was not computed
}

// ChoosePlane returns the plane for the landscape of a run. Errors about options are
// record.OptionErrors.
func ChoosePlane(ctx context.Context, run record.Trajectory, o PlaneOptions) (*ChosenPlane, error) {
	p := &ChosenPlane{Recipe: PlaneRecipe{Kind: o.Kind, Seed: o.Seed}}
	layout := run.Header().Layout
	var err error
	switch o.Kind {
	case "pca":
		err = o.principal(ctx, run, p)
	case "random":
		err = o.random(layout, p)
	case "hessian":
		err = o.hessian(ctx, p)
	case "through":
		err = o.through(layout, p)
	default:
		err = o.given(layout, p)
	}
	return p, err
}

// Origin returns the point where the plane is fixed, and records its name in the recipe.
func (o *PlaneOptions) Origin(p *ChosenPlane) (theta []float32, err error) {
	at := o.At
	if at == "" {
		at = "-1"
	}
	theta, p.Recipe.Origin, err = o.Point(at)
	return theta, err
}

// principal chooses two principal directions of the iterates.
func (o *PlaneOptions) principal(ctx context.Context, run record.Trajectory, p *ChosenPlane) (err error) {
	first, second := o.Components[0], o.Components[1]
	o.PCA.Components = max(first, second)
	if p.Fit, err = pca.Fit(ctx, run, o.PCA); err != nil {
		return err
	}
	if n := len(p.Fit.Components); n < o.PCA.Components {
		return fmt.Errorf("landscape: the iterates span %d directions; --components %d,%d needs %d",
			n, first, second, o.PCA.Components)
	}
	var origin []float32
	p.Recipe.Origin = string(p.Fit.Summary.Center)
	if o.At != "" {
		if origin, err = o.Origin(p); err != nil {
			return err
		}
	}
	s := &p.Fit.Summary
	for i, k := range []int{first, second} {
		p.Recipe.Directions = append(p.Recipe.Directions, "pc"+strconv.Itoa(k))
		null := 0.0 // a random walk has no more directions than rows
		if random := s.RandomWalk.ExplainedVarianceRatio; k <= len(random) {
			null = random[k-1]
		}
		p.Labels[i] = fmt.Sprintf("PC%d: %s of variance (random walk %s)", k,
			analyze.Percent(s.ExplainedVarianceRatio[k-1]), analyze.Percent(null))
	}
	p.Warnings = p.Fit.Warnings
	p.Plane, err = p.Fit.Plane(first, second, origin)
	return err
}

// DirectionOptions returns the options of random and of normalized directions, and records
// them in the recipe. preset is the normalization when Normalize is empty.
func (o *PlaneOptions) DirectionOptions(p *ChosenPlane, preset string) DirectionOptions {
	if o.Normalize != "" {
		preset = o.Normalize
	}
	p.Recipe.Normalization, p.Recipe.OneDimensional, p.Recipe.Orthogonal = preset, string(o.OneDim), o.Orthogonal
	return DirectionOptions{
		Normalization: Normalization(preset), OneDimensional: o.OneDim, Orthogonal: o.Orthogonal, Seed: o.Seed,
	}
}

// random chooses two random directions.
func (o *PlaneOptions) random(layout record.Layout, p *ChosenPlane) error {
	theta, err := o.Origin(p)
	if err != nil {
		return err
	}
	if p.Plane, err = RandomPlane(theta, layout, o.DirectionOptions(p, "filter")); err != nil {
		return err
	}
	p.Square = true
	for i := range p.Labels {
		p.Recipe.Directions = append(p.Recipe.Directions, fmt.Sprintf("random%d", i+1))
		p.Labels[i] = fmt.Sprintf("random direction %d, %s (seed %d)", i+1, p.Recipe.LengthText(), o.Seed)
	}
	return nil
}

// hessian chooses two eigenvectors of the Hessian at the origin.
func (o *PlaneOptions) hessian(ctx context.Context, p *ChosenPlane) error {
	first, second := o.Eigenvectors[0], o.Eigenvectors[1]
	theta, err := o.Origin(p)
	if err != nil {
		return err
	}
	options := curvature.Options{
		Top: max(first, second, 1), Bottom: max(-first, -second, -1), MaxProducts: o.Products,
		TraceSamples: -1, DensityProbes: -1, Seed: o.Seed, Progress: o.Progress,
	}
	if err := options.Validate(); err != nil {
		return &record.OptionError{Err: err}
	}
	r, err := curvature.Compute(ctx, theta, o.Gradient, options)
	if err != nil {
		return err
	}
	of := "of the Hessian"
	if p.Recipe.ProductMethod = r.Summary.ProductMethod; p.Recipe.ProductMethod != curvature.Exact {
		of += " (finite differences)"
		p.Warnings = append(p.Warnings, analyze.Warning{
			Code: "finite_differences", Text: "the eigenvectors of the plane come from " + p.Recipe.ProductMethod,
		})
	}
	vectors := [2][]float32{}
	for i, k := range []int{first, second} {
		pairs := r.Top
		if k < 0 {
			pairs = r.Bottom
		}
		at := max(k, -k) - 1
		if at >= len(pairs) {
			return fmt.Errorf("landscape: eigenvector %d was not found: %d products gave %d eigenvectors at that "+
				"end; allow more products",
				k, r.Summary.LanczosProducts, len(pairs))
		}
		e := pairs[at]
		vectors[i] = e.Vector
		p.Recipe.Directions = append(p.Recipe.Directions, fmt.Sprintf("eigenvector %d", k))
		p.Recipe.Eigenvalues, p.Recipe.Residuals = append(p.Recipe.Eigenvalues, e.Value),
			append(p.Recipe.Residuals, e.Residual)
		p.Labels[i] = fmt.Sprintf("eigenvector %d %s, \u03bb = %.3g", k, of, e.Value)
		if !e.Converged {
			p.Warnings = append(p.Warnings, analyze.Warning{Code: "eigenvector_not_converged", Text: fmt.Sprintf(
				"eigenvector %d has not converged in %d products (eigenvalue %.3g, residual %.2g); allow more with --products",
				k, r.Summary.LanczosProducts, e.Value, e.Residual,
			)})
		}
	}
	p.Plane, err = analyze.NewPlane(theta, vectors[0], vectors[1])
	return err
}

// through chooses the plane through three points, or the plane through two points along a
// random direction.
func (o *PlaneOptions) through(layout record.Layout, p *ChosenPlane) error {
	names := o.Through
	if len(names) != 2 && len(names) != 3 {
		return record.Optionf("--through has %d points; it must have 2 or 3, with commas between them", len(names))
	}
	points, labels := make([][]float32, len(names)), make([]string, len(names))
	for i, name := range names {
		var err error
		if points[i], labels[i], err = o.Point(name); err != nil {
			return err
		}
	}
	if o.Align != nil {
		var err error
		if points, err = o.Align(points); err != nil {
			return err
		}
		p.Recipe.Aligned = true
		for i := range labels[1:] {
			labels[1+i] += ", aligned"
		}
	}
	p.Recipe.Origin, p.Recipe.Directions = labels[0], labels[1:]
	p.Around = [][2]float64{{0, 0}, {1, 0}, {0, 1}}[:len(points)]
	p.Labels = [2]string{fmt.Sprintf("0: %s, 1: %s", labels[0], labels[1]), ""}
	var err error
	if len(points) == 3 {
		p.Labels[1] = fmt.Sprintf("0: %s, 1: %s", labels[0], labels[2])
		p.Plane, err = analyze.PlaneThrough(points[0], points[1], points[2])
		return err
	}
	if o.Normalize == "none" {
		return record.Optionf("--normalize is %q, but with two points the second direction is random and needs a length; "+
			"allowed are filter and layer", o.Normalize)
	}
	across, err := RandomDirections(points[0], layout, 1, o.DirectionOptions(p, "filter"))
	if err != nil {
		return err
	}
	p.Around = append(p.Around, [2]float64{0, -1}, [2]float64{0, 1})
	p.Recipe.Directions = append(p.Recipe.Directions, "random1")
	p.Labels[1] = fmt.Sprintf("random direction, %s (seed %d)", p.Recipe.LengthText(), o.Seed)
	u := make([]float32, len(points[0]))
	for i := range u {
		u[i] = points[1][i] - points[0][i]
	}
	p.Plane, err = analyze.NewPlane(points[0], u, across[0])
	return err
}

// given chooses two given vectors as directions.
func (o *PlaneOptions) given(layout record.Layout, p *ChosenPlane) error {
	theta, err := o.Origin(p)
	if err != nil {
		return err
	}
	options := o.DirectionOptions(p, "none")
	vectors := o.Directions
	for i := range p.Labels {
		if o.Normalize != "" {
			if vectors[i].Values, err = Normalize(vectors[i].Values, theta, layout, options); err != nil {
				return err
			}
		}
		p.Recipe.Directions = append(p.Recipe.Directions, vectors[i].Name)
		p.Labels[i] = "direction " + vectors[i].Name
		if o.Normalize != "" {
			p.Labels[i] += ", " + p.Recipe.LengthText()
		}
	}
	p.Plane, err = analyze.NewPlane(theta, vectors[0].Values, vectors[1].Values)
	return err
}

// DirectionTable returns the origin and the directions, with one row per parameter.
func (p *ChosenPlane) DirectionTable() record.Table {
	if p.Fit != nil && len(p.Fit.Components) == 2 && p.Recipe.Origin == string(p.Fit.Summary.Center) {
		return p.Fit.ComponentTable()
	}
	index := make([]int64, p.Plane.Len())
	for i := range index {
		index[i] = int64(i)
	}
	return record.Table{Columns: []record.Column{
		{Name: "parameter", Ints: index},
		{Name: "reference", Floats: toFloat64(p.Plane.Origin)},
		{Name: "u", Floats: toFloat64(p.Plane.U)},
		{Name: "v", Floats: toFloat64(p.Plane.V)},
	}}
}

// toFloat64 returns a copy in float64.
func toFloat64(v []float32) []float64 {
	w := make([]float64, len(v))
	for i, x := range v {
		w[i] = float64(x)
	}
	return w
}
