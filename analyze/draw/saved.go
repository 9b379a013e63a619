package draw

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"sgdwalk/analyze/audit"
	"sgdwalk/analyze/average"
	"sgdwalk/analyze/curvature"
	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/landscape"
	"sgdwalk/analyze/line"
	"sgdwalk/analyze/path"
	"sgdwalk/analyze/pca"
	"sgdwalk/analyze/result"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
)

// Options choose what the figures of a result show. They change no number, and the zero
// value is the default.
type Options struct {
	Levels     []float64 // contour levels of landscapes; nil chooses them
	LevelCount int       // about how many contour levels, when Levels is nil; 0 is the default
	FreeAxes   bool      // each axis of a landscape has its own scale
	PathLoss   bool      // mark the iterates of a landscape with the colours of their own losses
	Surface    bool      // also the landscape as a surface in space
	Animation  bool      // also the walk over the landscape as a GIF
	VTK        bool      // also the landscape and the path for ParaView
	Against    Against   // axis of the series of several runs; "" is the one of the result
}

// Drawing draws the figures of one analysis from the files of its result. An analysis and a
// later drawing of its result call the same function, so their figures are the same.
type Drawing func(s *result.Saved, o Options) ([]Named, error)

// loader reads the tables and the summary of a result, up to the first error.
type loader struct {
	*result.Saved
	err error
}

// table reads a table, which must have the columns.
func (l *loader) table(name string, to *record.Table, columns ...string) {
	if l.err != nil {
		return
	}
	t, err := l.Table(name, columns...)
	if err != nil {
		l.err = err
		return
	}
	*to = *t
}

// optional reads a table if the result has it, and reports whether it did.
func (l *loader) optional(name string, to *record.Table, columns ...string) bool {
	if !l.HasTable(name) {
		return false
	}
	l.table(name, to, columns...)
	return l.err == nil
}

func (l *loader) summary(to any) {
	if l.err == nil {
		l.err = l.DecodeSummary(to)
	}
}

// title names the run on figures.
func (l *loader) title() string {
	if l.Provenance.Title != "" {
		return l.Provenance.Title
	}
	return l.Provenance.Run // a result of an older version
}

// PathOf draws the figures of the analysis path.
func PathOf(s *result.Saved, _ Options) ([]Named, error) {
	l, r := &loader{Saved: s}, new(path.Result)
	l.table("path", &r.Table, "step")
	l.summary(&r.Summary)
	if l.err != nil {
		return nil, l.err
	}
	out := Path(l.title(), r)
	var diffusion record.Table
	if l.optional("diffusion", &diffusion, "wait", "lag", "displacement2") {
		if f := Diffusion(l.title(), &diffusion); f != nil {
			out = append(out, Named{Name: "diffusion_figure", Figure: f})
		}
	}
	return out, l.err
}

// WalkOf draws the figures of the analysis walk.
func WalkOf(s *result.Saved, _ Options) ([]Named, error) {
	l, r, p := &loader{Saved: s}, new(walk.Result), new(path.Result)
	l.table("segments", &r.Segments, "row", "step", "floor_loss", "floor_position", "barrier")
	l.table("losses", &r.Losses, "alpha", "loss")
	l.table("path", &p.Table, "row")
	l.optional("null_heights", &r.NullHeights, "epoch", "height_mean_low", "height_mean_high")
	l.summary(&r.Summary)
	if l.err != nil {
		return nil, l.err
	}
	return Walks(l.title(), r, p), nil
}

// PCAOf draws the figures of the analysis pca.
func PCAOf(s *result.Saved, _ Options) ([]Named, error) {
	l := &loader{Saved: s}
	var scores, spectrum record.Table
	var summary pca.Summary
	l.table("scores", &scores, "row", "step", "epoch", "residual", "distance")
	l.table("spectrum", &spectrum, "explained_variance", "explained_variance_ratio")
	l.summary(&summary)
	if l.err != nil {
		return nil, l.err
	}
	r, err := pca.FromTables(&scores, &spectrum, summary)
	if err != nil {
		return nil, err
	}
	return PCA(l.title(), r), nil
}

// LandscapeOf draws the figures of the analysis landscape.
func LandscapeOf(s *result.Saved, o Options) ([]Named, error) {
	l := &loader{Saved: s}
	r := loadLandscape(l)
	l.table("path", &r.Path)
	l.summary(&r.Summary)
	if l.err != nil {
		return nil, l.err
	}
	r.Warnings, r.Contours = s.Warnings, r.Summary.Contours
	var x, y string
	switch labels := r.Summary.Labels; {
	case len(labels) == 2:
		x, y = labels[0], labels[1]
	case r.Summary.Directions != nil: // a result of an older version
		x, y = Directions(r.Summary.Directions)
	}
	f := o.landscape(Landscape(l.title(), x, y, r))
	if f.PathLoss = o.PathLoss; o.PathLoss && !slices.ContainsFunc(f.Path, figure.PathPoint.HasLoss) {
		return nil, fmt.Errorf("%s: the result has no loss of an iterate (column true_loss of the path), so none can be drawn "+
			"along the path; evaluate a landscape with its path first", s.Dir)
	}
	out := []Named{{Name: "landscape", Figure: f}}
	for _, m := range Measures(l.title(), x, y, r) {
		m.FreeAxes = o.FreeAxes
		out = append(out, Named{Name: m.ZName, Figure: m})
	}
	var between record.Table
	if l.optional("between_losses", &between, "from", "to", "alpha", "loss") {
		out = append(out, Named{Name: "between", Figure: Pairs(l.title(), &between)})
	}
	if o.Surface {
		out = append(out, Named{Name: "surface", Figure: Surface(f)})
	}
	if o.Animation {
		out = append(out, Named{Name: "walk", Figure: files{f, saveAnimation}})
	}
	if o.VTK {
		out = append(out, Named{Name: "landscape", Figure: files{f, saveVTK}})
	}
	return out, l.err
}

// landscape sets the options of a landscape.
func (o *Options) landscape(f *figure.Landscape) *figure.Landscape {
	f.FreeAxes = o.FreeAxes
	if o.LevelCount > 0 {
		f.LevelCount = o.LevelCount
	}
	if o.Levels != nil {
		f.Levels = o.Levels
	}
	return f
}

// loadLandscape reads the grid of a landscape.
func loadLandscape(l *loader) *landscape.Result {
	r := new(landscape.Result)
	l.table("grid", &r.Table, "i", "j", "a", "b", "loss", "valid")
	if l.err == nil {
		r.Grid, l.err = landscape.GridFromTable(&r.Table)
	}
	return r
}

// LinesOf draws the figures of random lines.
func LinesOf(s *result.Saved, _ Options) ([]Named, error) {
	l, r := &loader{Saved: s}, new(landscape.Lines)
	l.table("lines", &r.Table, "line", "k", "a", "loss")
	l.table("band", &r.Band, "a")
	l.summary(&r.Summary)
	if l.err != nil {
		return nil, l.err
	}
	for _, c := range r.Table.Columns {
		if !slices.Contains([]string{"line", "k", "a", "loss"}, c.Name) {
			r.Names = append(r.Names, c.Name)
		}
	}
	p := &r.Summary.Plane
	label := fmt.Sprintf("position along random directions through %s, %s", p.Origin, p.LengthText())
	return Lines(l.title(), label, r), nil
}

// LineOf draws the figures of the analysis line.
func LineOf(s *result.Saved, _ Options) ([]Named, error) {
	l := &loader{Saved: s}
	var losses, curve record.Table
	l.table("losses", &losses, "alpha", "loss")
	if l.err != nil {
		return nil, l.err
	}
	summary, err := line.DecodeSummary(s.SummaryText(), s.OptionsText())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Dir, err)
	}
	ends := line.Ends{}
	if summary.Ends != nil {
		ends = *summary.Ends
	}
	f := Line(l.title(), &losses, ends)
	var path record.Table
	if l.optional("path_losses", &path, "progress", "residual_ratio", "full_loss") {
		AddPath(f, &path)
	}
	out := []Named{{Name: "line", Figure: f}}
	if l.optional("curve_losses", &curve, "curve", "t", "loss") {
		out = append(out, Named{Name: "curve", Figure: Curve(l.title(), &curve)})
	}
	return out, l.err
}

// CurvatureOf draws the figures of the analysis curvature, at one iterate or along a run.
func CurvatureOf(s *result.Saved, _ Options) ([]Named, error) {
	l := &loader{Saved: s}
	decoded, err := curvature.DecodeSummary(s.SummaryText())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Dir, err)
	}
	var eigenvalues, spectrum, density, along record.Table
	if _, isRun := decoded.(*curvature.RunSummary); isRun {
		if l.table("along", &along, "step"); l.err != nil {
			return nil, l.err
		}
		return Curvatures(l.title(), &along), nil
	}
	l.table("eigenvalues", &eigenvalues, "side", "eigenvalue", "residual", "lanczos_residual", "converged")
	l.table("spectrum", &spectrum, "part", "node")
	top := func() []curvature.Pair { return curvature.PairsFromTable(&eigenvalues, "top") }
	title := func(step int64) string { return fmt.Sprintf("%s, step %d", l.title(), step) }
	switch summary := decoded.(type) {
	case *curvature.FisherSummary:
		if l.err != nil || summary.Rank == 0 {
			return nil, l.err
		}
		f := Fisher(title(summary.Step), &curvature.Fisher{Top: top(), Spectrum: spectrum, Summary: *summary})
		return []Named{{Name: "curvature", Figure: f}}, nil
	case *curvature.Summary:
		l.table("density", &density, "eigenvalue", "density", "density_low", "density_high")
		if l.err != nil || summary.Density.Eigenvalues == 0 {
			return nil, l.err
		}
		f := Density(title(summary.AtStep), &curvature.Result{
			Top: top(), Eigenvalues: eigenvalues, Spectrum: spectrum, Density: density, Summary: *summary,
		})
		return []Named{{Name: "curvature", Figure: f}}, nil
	}
	return nil, fmt.Errorf("%s: the summary is not one of the analysis curvature", s.Dir)
}

// AverageOf draws the figures of the analysis average.
func AverageOf(s *result.Saved, _ Options) ([]Named, error) {
	l, r := &loader{Saved: s}, new(average.Result)
	l.table("averages", &r.Averages, "average", "scheme", "step", "iterates", "loss")
	l.optional("gains", &r.Gains)
	l.optional("branches", &r.Branches)
	l.summary(&r.Summary)
	if l.err != nil {
		return nil, l.err
	}
	return Averages(l.title(), r), nil
}

// AuditOf draws the figures of an audit; the audit of a recorded run has none.
func AuditOf(s *result.Saved, _ Options) ([]Named, error) {
	l, r := &loader{Saved: s}, new(audit.Result)
	l.summary(&r.Summary)
	var distances record.Table
	if !l.optional("checkpoint_distances", &distances, "step", "earlier_step", "distance") {
		return nil, l.err
	}
	var err error
	if r.Distances, err = audit.DistancesFromTable(&distances); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Dir, err)
	}
	return Audit(l.title(), r), nil
}

// CompareOf draws the figures of a comparison of several runs.
func CompareOf(s *result.Saved, o Options) ([]Named, error) {
	l := &loader{Saved: s}
	c := &Compared{Title: l.title(), Against: cmp.Or(o.Against, savedAgainst(s))}
	l.table("steps", &c.Steps, "run", "group", "seed", "step", "epoch", "passes")
	l.optional("between_losses", &c.Between, "from", "to", "alpha", "loss")
	if l.summary(&c.Summary); l.err == nil && c.Summary.Landscape != nil {
		c.Landscape = loadLandscape(l)
		c.Landscape.Summary = *c.Summary.Landscape
		l.table("paths", &c.Paths, "run", "group", "a", "b", "residual", "step")
	}
	if l.err != nil {
		return nil, l.err
	}
	out := Comparison(c)
	for _, f := range out {
		if r, ok := f.Figure.(*figure.Runs); ok {
			r.Map.Levels, r.Map.LevelCount = o.Levels, o.LevelCount
		}
	}
	return out, nil
}

// savedAgainst returns the axis that the result was drawn against.
func savedAgainst(s *result.Saved) Against {
	var recipe struct {
		Options struct{ Against Against }
	}
	if json.Unmarshal(s.OptionsText(), &recipe) != nil || axisLabels[recipe.Options.Against] == "" {
		return Passes
	}
	return recipe.Options.Against
}
