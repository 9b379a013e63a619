package report

import (
	"fmt"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/landscape"
	"sgdwalk/analyze/path"
	"sgdwalk/analyze/pca"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
)

// section has the text and the tables of one result, without figures and ids.
type section struct {
	Title   string
	about   string   // text after the first part of the title
	Points  []string // the findings
	Reading []string // how to read the figures, and what not to conclude
	Tables  []table
}

// section returns the text and the tables of a result.
func (r *Result) section() section {
	var s section
	if r.Summary == nil {
		s.Tables = generic("Numbers", r.summary)
	} else {
		for _, f := range r.Summary.Findings() {
			s.Points = append(s.Points, sentence(f.Text))
		}
		known(r.Document.Analysis).describe(r.Summary, &s)
	}
	first, rest, more := strings.Cut(sentenceTitle(r.Document.Analysis), ":")
	first += s.about
	if r.Name != r.Document.Analysis {
		first += " (" + r.Name + ")"
	}
	if s.Title = first; more {
		s.Title += ":" + rest
	}
	return s
}

// pathSection fills in the tables and explanations of the analysis path.
func pathSection(p *path.Summary, s *section) {
	whole := pairs("The path as a whole")
	whole.add("path length", optional(p.PathLength))
	whole.add("displacement from the first iterate", optional(p.Displacement))
	whole.add("displacement / path length (1 is straight)", optional(p.DisplacementRatio))
	whole.add("iterates", count(p.Rows))
	whole.add("missing steps", count(p.MissingSteps))
	geometry := spreads("Geometry of the path")
	geometry.spread("step length", &p.UpdateNorm)
	geometry.spread("mini-batch gradient, norm", &p.GradNorm)
	geometry.spread("cosine of consecutive gradients", &p.GradCos)
	geometry.spread("cosine of consecutive updates", &p.UpdateCos)
	geometry.spread("cosine of gradient and update", &p.GradUpdateCos)
	s.Tables = []table{whole, geometry}
	s.Reading = []string{
		"The mini-batch loss is the loss of the batch that made the gradient, so it jumps. The full loss is over the " +
			"whole training set, where it was measured.",
		"A negative cosine means that a step turns back on the step before: the walk bounces between walls. Noise on " +
			"a quadratic bowl does that too.",
		"Distances are in the space of all parameters. A displacement much smaller than the path length means that " +
			"the walk turns a lot, not that it went nowhere.",
	}
}

// walkSection compares the walk with its null, a noisy quadratic. Without the comparison, a
// reader would take the bouncing of any noisy quadratic for a property of the loss.
func walkSection(w *walk.Summary, s *section) {
	null := &w.Null
	compared := newTable("The walk compared with a noisy quadratic without structure", "quantity", "this walk",
		"noisy quadratic")
	for _, q := range []struct {
		name       string
		write      func(record.Optional) string
		walk, null record.Optional
	}{
		{"floor strictly inside the step", share, w.FloorInteriorRatio, null.FloorInteriorRatio},
		{"floor at the first or last sample", share, w.FloorAtEdgeRatio, null.FloorAtEdgeRatio},
		{"loss higher after the step", share, w.RisesRatio, null.RisesRatio},
		{"floor position s*, weighted with curvature", optional, w.FloorPositionWeighted, null.FloorPositionWeighted},
		{"the same, all steps weighted equally", optional, w.FloorPosition.Mean, null.FloorPosition.Mean},
		{"mean height of the iterates above the floor", optional, w.HeightMean.Mean, null.HeightMean.Mean},
		{"mean curvature along the step", optional, w.Curvature.Mean, null.Curvature.Mean},
	} {
		compared.add(q.name, q.write(q.walk), q.write(q.null))
	}
	if null.Absent == "" && null.FloorInteriorRatio.Valid {
		compared.Note = fmt.Sprintf("The quadratic has the walk's curvature and gradient noise: largest eigenvalue %s, "+
			"independent directions: %s.", short(null.Eigenvalue), count(null.Directions))
	}
	spread := spreads("Spread over the segments")
	spread.spread("loss at the floor", &w.FloorLoss)
	spread.spread("height at the start of the step", &w.HeightStart)
	spread.spread("height at its end", &w.HeightEnd)
	spread.spread("height of barriers", &w.BarrierHeight)
	spread.spread("step length", &w.StepLength)
	spread.spread("curvature per length\u00b2 (sharpness)", &w.Sharpness)
	spread.spread("learning rate \u00d7 sharpness", &w.EtaSharpness)
	spread.spread("R\u00b2 of a parabola", &w.R2)
	s.Tables = []table{compared, spread}
	s.Reading = []string{
		"Dots are iterates. Between two dots the line is the loss on the straight way from one to the next, and the " +
			"dashed line is the lowest value of each step (the valley floor).",
		"A floor inside the step means that the step passed over it: the iterates stay above the floor.",
		"SGD on any noisy quadratic bowl bounces and has a floor near the middle. Only a difference from the column " +
			"of the noisy quadratic says something about this loss.",
	}
}

// pcaSection compares the shares of the variance with those of a random walk and of the
// shuffled updates, because every random walk has a large first share.
func pcaSection(p *pca.Summary, s *section) {
	t := table{
		Caption: "Share of the variance by direction, compared with walks without structure",
		Head: []string{
			"direction", "this run", "random walk", "updates with random signs", "updates in random order",
			"correlation with a random walk",
		},
	}
	var flips, permutations []pca.Band
	if r := p.Surrogates; r != nil {
		flips, permutations = r.SignFlips, r.Permutations
		t.Note = fmt.Sprintf("Random signs and random order: the 5 %% to the 95 %% quantile over %s walks that "+
			"consist of the run's updates. The last column is 1 if the coordinates over the steps are the cosines of "+
			"a random walk.", count(r.Walks))
	}
	span := func(bands []pca.Band, i int) string {
		if i >= len(bands) {
			return ""
		}
		return strings.TrimSuffix(analyze.Percent(bands[i].Low), " %") + " to " + analyze.Percent(bands[i].High)
	}
	for i, ratio := range p.ExplainedVarianceRatio {
		null, correlation := "", ""
		if i < len(p.RandomWalk.ExplainedVarianceRatio) {
			null = analyze.Percent(p.RandomWalk.ExplainedVarianceRatio[i])
		}
		if i < len(p.LissajousCorrelation) {
			correlation = optional(p.LissajousCorrelation[i])
		}
		t.add(fmt.Sprintf("PC%d", i+1), analyze.Percent(ratio), null, span(flips, i), span(permutations, i),
			correlation)
	}
	whole := pairs("The directions as a whole")
	whole.add("center", string(p.Center))
	whole.add("parameters that take part", string(p.Kinds))
	whole.add("number of these parameters", count(p.ParametersIncluded))
	whole.add("participation ratio", short(p.ParticipationRatio))
	whole.add("participation ratio of a random walk", short(p.RandomWalk.ParticipationRatio))
	whole.add("distance from the plane of PC1 and PC2, median", short(p.MedianResidual))
	whole.add("the same, largest", short(p.MaxResidual))
	whole.add("variance in the parameters left out", analyze.Percent(p.LeftOutVarianceRatio))
	s.Tables = []table{t, whole}
	s.Reading = []string{
		"Bars are the run. The marks next to them are a random walk with the same number of rows (Antognini and " +
			"Sohl-Dickstein, 2018). A large first share alone means nothing: walks without any structure have one.",
		"A random walk shows coordinates that look like one half, one, and one and a half periods of a cosine, and a " +
			"path that curves in the plane of PC1 and PC2.",
	}
}

// landscapeSection puts the errors of the projection first, because they decide whether the
// picture can be trusted. The explanations depend on the kind of the plane.
func landscapeSection(l *landscape.Summary, s *section) {
	plane := l.PlaneOf()
	if title := plane.Title(); title != "" {
		s.about = ", " + title
	}
	t := pairs("How far the plane can be trusted")
	t.add("distance of the iterates from the plane / extent of the path on it (median)", share(l.ResidualRatio))
	t.add("loss on the plane compared with the true loss, relative difference (median)", share(l.PlaneErrorRelative))
	t.add("the same, compared with the range of the loss along the path", share(l.PlaneErrorRatio))
	t.add("true loss of the last iterate", optional(l.LastTrueLoss))
	t.add("loss on the plane under it", optional(l.LastPlaneLoss))
	t.add("distance of an iterate from the plane, median", optional(l.Residual.Median))
	t.add("the same, largest", optional(l.Residual.Max))
	t.add("iterates outside the grid", count(l.PathOutside))
	t.add("grid points with a loss that is not finite", count(l.Loss.Nonfinite))
	g := pairs("The grid")
	g.add("first direction, min:max:points", rangeText(l.X))
	g.add("second direction, min:max:points", rangeText(l.Y))
	g.add("lowest loss on the grid", optional(l.Loss.Min))
	g.add("its position along the first direction", optional(l.MinA))
	g.add("its position along the second direction", optional(l.MinB))
	g.add("length of the first direction", short(l.NormU))
	g.add("length of the second direction", short(l.NormV))
	g.add("cosine between them", short(l.Cosine))
	s.Tables = []table{t, g}
	for i := range l.Between {
		b := &l.Between[i]
		s.Tables = append(s.Tables,
			alignedTable("The line from "+b.From+" to "+b.To+" before and after the alignment", &b.Line, &b.Aligned))
	}
	switch plane.Kind {
	case landscape.PrincipalPlane:
		s.read("The plane is the flat one that the iterates spread most on: of all planes it flatters the path most.")
	case landscape.RandomKind:
		s.read(
			"Random directions do not depend on the walk. The picture shows the loss around one point, and the path "+
				"has almost no extent on it.",
			"Filter-normalized directions are as long as the parameters, filter by filter, so that widths of "+
				"different networks can be compared (Li et al., 2018). Another seed gives another picture; the loss "+
				"along several random lines shows how much they differ.")
	case landscape.HessianPlane:
		s.read("The curvature of the loss along an eigenvector is its eigenvalue at the point of the plane. No " +
			"direction curves more; most other directions are far flatter.")
	case landscape.ThroughPlane:
		s.read("The plane goes through these points; the loss between them can have any shape. Axes are in units of " +
			"the distance from the first point.")
	}
	if len(l.Between) > 0 {
		s.read(alignmentReading)
	}
	if l.PathRows > 0 {
		s.read(
			"The path is the projection of the iterates onto the plane. They lie off the plane, and the paler the "+
				"path, the further away.",
			"The loss under a point of the path is not the loss of that iterate; the table gives the difference.")
	}
	s.read("Two directions show two of all directions. A wide valley here says nothing about the width in the others.")
}

// linesSection fills in the tables and explanations of the analysis lines.
func linesSection(l *landscape.LinesSummary, s *section) {
	t := pairs("The lines")
	t.add("positions, min:max:points", rangeText(l.X))
	t.add("length of a direction, mean", optional(l.Norms.Mean))
	t.add("losses that are not finite", count(l.Loss.Nonfinite))
	s.Tables = []table{t}
	s.Reading = []string{
		"The line is the mean over the directions. The band reaches from the lowest to the highest loss. One random " +
			"line is one draw from this band.",
		"In a space of many dimensions random directions hardly meet the few steep ones: the loss appears flatter " +
			"here than along a step of the optimizer.",
	}
}

// read adds sentences on how to read the figures.
func (s *section) read(sentences ...string) { s.Reading = append(s.Reading, sentences...) }

// rangeText formats a range as min : max : points, and the zero value as "".
func rangeText(r analyze.Range) string {
	if r.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s : %s : %d", short(r.Min), short(r.Max), r.N)
}
