package report

import (
	"fmt"
	"strings"
)

// table is a table of the page; the first cell of a row heads it.
type table struct {
	Caption string
	Head    []string
	Rows    [][]string
	Note    string
}

func (t *table) add(cells ...string) { t.Rows = append(t.Rows, cells) }

// section is what the page says about one result, before it has figures and an
// address.
type section struct {
	Title   string
	Points  []string // sentences
	Reading []string // how to read the figures, and what not to conclude
	Tables  []table
}

// titles of the analyses with a section of their own. What follows the colon is
// not in the list of contents.
var titles = map[string]string{
	"path":      "Path: how far and which way each step went",
	"walk":      "Walk: the loss between consecutive iterates",
	"pca":       "Directions: where the iterates spread",
	"landscape": "Landscape: the loss on a plane",
	"lines":     "Random lines: the loss around one point",
	"line":      "Line: the loss between two points",
	"curvature": "Curvature: the Hessian along the run",
	"compare":   "Comparison of runs",
}

// sections make what is said about the analyses that are known.
var sections = map[string]func(*facts) section{
	"path": pathSection, "walk": walkSection, "pca": pcaSection, "landscape": landscapeSection,
	"lines": linesSection, "line": lineSection, "curvature": curvatureSection, "compare": compareSection,
}

// describe makes the section of a result. Numbers of the wrong type are noted in
// f.
func describe(r *Result, f *facts) section {
	var s section
	if known := sections[r.Document.Analysis]; known != nil {
		s = known(f)
	} else {
		s = section{Tables: generic("Numbers", r.summary)}
	}
	s.Title = sentenceTitle(r.Document.Analysis)
	first, rest, more := strings.Cut(s.Title, ":")
	if p := f.planeText(); r.Document.Analysis == "landscape" && p.Head != "" {
		first += ", " + p.Head
	}
	if r.Document.Analysis == "line" {
		first += r.between()
	}
	if r.Name != r.Document.Analysis {
		first += " (" + r.Name + ")"
	}
	if s.Title = first; more {
		s.Title += ":" + rest
	}
	return s
}

// rows adds a row for each of the named numbers that is there.
func (t *table) rows(f *facts, write func(float64) string, named ...[2]string) {
	for _, n := range named {
		if x, ok := f.num(strings.Split(n[1], ".")...); ok {
			t.add(n[0], write(x))
		}
	}
}

var spreadHead = []string{"mean", "sd", "median", "min", "max", "values"}

// spread adds a row with the description of a column of numbers, if it has any.
func (t *table) spread(f *facts, name string, keys ...string) {
	if n, ok := f.num(append(keys, "count")...); !ok || n == 0 {
		return
	}
	row := []string{name}
	for _, k := range append(spreadHead[:5:5], "count") {
		x, ok := f.num(append(keys[:len(keys):len(keys)], k)...)
		row = append(row, optional(short, x, ok))
	}
	t.add(row...)
}

func pathSection(f *facts) section {
	var s section
	if n, ok := f.num("path_length"); ok {
		d, _ := f.num("displacement")
		u, _ := f.num("updates")
		s.Points = append(s.Points, fmt.Sprintf("%s updates make a path of length %s that ends %s from where it started.", short(u), short(n), short(d)))
	}
	for _, c := range []struct{ name, key string }{{"mini-batch gradients", "grad_cos"}, {"updates", "update_cos"}} {
		m, ok := f.num(c.key, "mean")
		below, _ := f.num(c.key + "_negative_ratio")
		if ok {
			s.Points = append(s.Points, fmt.Sprintf("The mean cosine of consecutive %s is %s; %s of the cosines are below 0.", c.name, short(m), percent(below)))
		}
	}
	geometry := table{Caption: "Geometry of the path", Head: append([]string{"quantity"}, spreadHead...)}
	geometry.spread(f, "step length", "update_norm")
	geometry.spread(f, "mini-batch gradient, norm", "grad_norm")
	geometry.spread(f, "cosine of consecutive gradients", "grad_cos")
	geometry.spread(f, "cosine of consecutive updates", "update_cos")
	geometry.spread(f, "cosine of gradient and update", "grad_update_cos")
	whole := table{Caption: "The path as a whole", Head: []string{"quantity", "value"}}
	whole.rows(f, short, [2]string{"path length", "path_length"}, [2]string{"displacement from the first iterate", "displacement"},
		[2]string{"displacement / path length (1 is straight)", "displacement_ratio"},
		[2]string{"iterates", "rows"}, [2]string{"steps not recorded", "missing_steps"})
	s.Tables = []table{whole, geometry}
	s.Reading = []string{
		"Mini-batch loss is that of the batch which made the gradient, so it jumps; full loss is over the whole training set, where it was measured.",
		"A negative cosine says that a step turns back on the one before: the walk bounces between walls. Noise on a quadratic bowl does that too.",
		"Distances are in the space of all parameters. A displacement much smaller than the path length is a walk that turns a lot, not one that went nowhere.",
	}
	return s
}

func walkSection(f *facts) section {
	var s section
	n, _ := f.num("segments")
	from, _ := f.num("first_step")
	to, _ := f.num("last_step")
	e, _ := f.num("evaluations")
	s.Points = append(s.Points, fmt.Sprintf("The full training loss was evaluated along %s segments, steps %s to %s, at %s points.", short(n), short(from), short(to), short(e)))
	if x, ok := f.num("floor_interior_ratio"); ok {
		s.Points = append(s.Points, fmt.Sprintf("On %s of the steps the lowest point lies strictly inside the step; %s.", percent(x), f.floorText()))
	}
	if b, ok := f.num("barriers"); ok {
		s.Points = append(s.Points, fmt.Sprintf("%s of %s segments have a barrier, a point between the ends that is higher than both.", short(b), short(n)))
	}
	beside := table{Caption: "The walk beside a noisy quadratic without structure", Head: []string{"quantity", "this walk", "noisy quadratic"}}
	for _, q := range []struct {
		name  string
		write func(float64) string
		keys  []string
	}{
		{"floor strictly inside the step", percent, []string{"floor_interior_ratio"}},
		{"floor at the first or last sample", percent, []string{"floor_at_edge_ratio"}},
		{"loss higher after the step", percent, []string{"rises_ratio"}},
		{"floor position s*, weighted with curvature", short, []string{"floor_position_weighted"}},
		{"the same, every step alike", short, []string{"floor_position", "mean"}},
		{"mean height of the iterates above the floor", short, []string{"height_mean", "mean"}},
		{"mean curvature along the step", short, []string{"curvature", "mean"}},
	} {
		x, ok := f.num(q.keys...)
		y, okNull := f.num(append([]string{"null"}, q.keys...)...)
		if ok || okNull {
			beside.add(q.name, optional(q.write, x, ok), optional(q.write, y, okNull))
		}
	}
	if why := f.str("null", "absent"); why != "" {
		beside.Note = "There is no noisy quadratic to compare with: " + why + "."
	} else if l, ok := f.num("null", "eigenvalue"); ok {
		k, _ := f.num("null", "directions")
		beside.Note = fmt.Sprintf("The quadratic has the walk's curvature and gradient noise: largest eigenvalue %s, independent directions: %s.", short(l), short(k))
	}
	spread := table{Caption: "Spread over the segments", Head: append([]string{"quantity"}, spreadHead...)}
	spread.spread(f, "loss at the floor", "floor_loss")
	spread.spread(f, "height at the start of the step", "height_start")
	spread.spread(f, "height at its end", "height_end")
	spread.spread(f, "height of barriers", "barrier_height")
	spread.spread(f, "step length", "step_length")
	spread.spread(f, "curvature per length\u00b2 (sharpness)", "sharpness")
	spread.spread(f, "learning rate \u00d7 sharpness", "eta_sharpness")
	spread.spread(f, "R\u00b2 of a parabola", "r2_degree_2")
	s.Tables = []table{beside, spread}
	s.Reading = []string{
		"Dots are iterates; between two of them the line is the loss on the straight way from one to the next, and the dashed line is the lowest value of each step (the valley floor).",
		"A floor inside the step means that the step passed over it: the iterates ride above the floor.",
		"Bouncing and a floor near the middle are what SGD shows on any quadratic bowl with noise. Only what differs from the column of the noisy quadratic says something about this loss.",
	}
	return s
}

func pcaSection(f *facts) section {
	var s section
	shares, walk := f.nums("explained_variance_ratio"), f.nums("random_walk", "explained_variance_ratio")
	flips, permutations := f.get("surrogates", "sign_flips"), f.get("surrogates", "permutations")
	correlation := f.nums("lissajous_correlation")
	rows, _ := f.num("rows")
	if len(shares) > 0 {
		p := fmt.Sprintf("The first direction holds %s of the variance of %s iterates", percent(shares[0]), short(rows))
		if len(shares) > 1 {
			p += fmt.Sprintf(", the first two hold %s", percent(shares[0]+shares[1]))
		}
		if len(walk) > 1 {
			p += fmt.Sprintf(". A random walk as long shows %s and %s", percent(walk[0]), percent(walk[0]+walk[1]))
		}
		s.Points = append(s.Points, p+".")
	}
	if x, ok := f.num("median_residual_ratio"); ok {
		s.Points = append(s.Points, fmt.Sprintf("Off the plane of the first two directions is %s of an iterate's distance from the centre (median).", percent(x)))
	}
	t := table{Caption: "Share of the variance by direction, beside walks without structure", Head: []string{"direction", "this run", "random walk", "updates with random signs", "updates in random order", "correlation with a random walk"}}
	span := func(list value, i int) string {
		if i >= len(list.items) {
			return dash
		}
		low, ok1 := list.items[i].get("low").float()
		high, ok2 := list.items[i].get("high").float()
		if !ok1 || !ok2 {
			return dash
		}
		return strings.TrimSuffix(percent(low), " %") + " to " + percent(high)
	}
	pick := func(v []float64, i int, write func(float64) string) string {
		return optional(write, at(v, i), at(v, i) == at(v, i))
	}
	for i, share := range shares {
		t.add(fmt.Sprintf("PC%d", i+1), percent(share), pick(walk, i, percent), span(flips, i), span(permutations, i), pick(correlation, i, short))
	}
	if n, ok := f.num("surrogates", "walks"); ok {
		t.Note = fmt.Sprintf("Random signs and random order: the 5 %% to the 95 %% quantile over %s walks made of the run's own updates. The last column is 1 where the coordinates over the steps are the cosines that a random walk shows.", short(n))
	}
	whole := table{Caption: "The directions as a whole", Head: []string{"quantity", "value"}}
	if c := f.str("center"); c != "" {
		whole.add("centre", c)
	}
	if k := f.str("kinds"); k != "" {
		whole.add("parameters that take part", k)
	}
	whole.rows(f, short, [2]string{"how many parameters these are", "parameters_included"}, [2]string{"participation ratio", "participation_ratio"}, [2]string{"participation ratio of a random walk", "random_walk.participation_ratio"},
		[2]string{"distance from the plane of PC1 and PC2, median", "median_residual"}, [2]string{"the same, largest", "max_residual"})
	whole.rows(f, percent, [2]string{"variance in the parameters left out", "left_out_variance_ratio"})
	s.Tables = []table{t, whole}
	s.Reading = []string{
		"Bars are the run, the marks beside them a random walk with as many rows (Antognini and Sohl-Dickstein, 2018). A large first share is no finding by itself: walks without any structure have one.",
		"Coordinates that look like one half, one and one and a half periods of a cosine are what a random walk shows; so does a path that curves in the plane of PC1 and PC2.",
	}
	return s
}

func at(v []float64, i int) float64 {
	if i < 0 || i >= len(v) {
		return nan
	}
	return v[i]
}

func landscapeSection(f *facts) section {
	var s section
	evaluated, _ := f.num("evaluated")
	cells, _ := f.num("cells")
	low, okLow := f.num("loss", "min")
	high, okHigh := f.num("loss", "max")
	p := f.planeText()
	s.Points = append(s.Points, sentence("it is "+p.Where))
	s.Points = append(s.Points, fmt.Sprintf("%s of %s grid points were evaluated; the loss on the plane runs from %s to %s.", short(evaluated), short(cells), optional(short, low, okLow), optional(short, high, okHigh)))
	if share := f.planeShare(); share != "" {
		s.Points = append(s.Points, share)
	}
	if x, ok := f.num("plane_error_relative"); ok {
		n, _ := f.num("compared")
		s.Points = append(s.Points, fmt.Sprintf("Under an iterate the plane shows a loss that is %s away from the iterate's own (median of %s).", percent(x), short(n)))
	}
	t := table{Caption: "How far the plane can be trusted", Head: []string{"quantity", "value"}}
	t.rows(f, percent, [2]string{"distance of the iterates from the plane / extent of the path on it (median)", "residual_ratio"},
		[2]string{"loss on the plane against true loss, relative (median)", "plane_error_relative"},
		[2]string{"the same, against the range of the loss along the path", "plane_error_ratio"})
	t.rows(f, short, [2]string{"true loss of the last iterate", "last_true_loss"}, [2]string{"loss on the plane under it", "last_plane_loss"},
		[2]string{"distance of an iterate from the plane, median", "residual.median"}, [2]string{"the same, largest", "residual.max"},
		[2]string{"iterates beyond the edge of the grid", "path_outside"}, [2]string{"grid points with a loss that is not finite", "loss.nonfinite"})
	g := table{Caption: "The grid", Head: []string{"quantity", "value"}}
	for _, axis := range []struct{ name, key string }{{"first direction, min:max:points", "x"}, {"second direction, min:max:points", "y"}} {
		if r := f.str(axis.key); r != "" {
			g.add(axis.name, shortRange(r))
		}
	}
	g.rows(f, short, [2]string{"lowest loss on the grid", "loss.min"}, [2]string{"where, along the first direction", "min_a"}, [2]string{"and along the second", "min_b"},
		[2]string{"length of the first direction", "norm_u"}, [2]string{"length of the second direction", "norm_v"}, [2]string{"cosine between them", "cosine"})
	s.Tables = []table{t, g}
	n, _ := f.num("path_rows")
	s.Reading = p.reading(n > 0)
	return s
}

// shortRange writes a range min:max:n with four digits.
func shortRange(r string) string {
	parts := strings.Split(r, ":")
	for i, p := range parts {
		if x, ok := (value{kind: number, text: p}).float(); ok {
			parts[i] = short(x)
		}
	}
	return strings.Join(parts, " : ")
}
