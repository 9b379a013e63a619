package report

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sgdwalk/analyze/curvature"
	"sgdwalk/record"
)

// answer is what a colleague asks first, with what the results say to it.
type answer struct {
	Question string
	Text     []string
}

// first returns the first result of an analysis: the one in the directory of the
// same name, if there is one.
func (r *Run) first(analysis string) *Result {
	var found *Result
	for i := range r.Results {
		x := &r.Results[i]
		if x.Document.Analysis == analysis && (found == nil || x.Name == analysis) {
			found = x
		}
	}
	return found
}

// command names the command that makes a missing result.
func (r *Run) command(analysis string) string { return "sgdwalk " + analysis + " " + quoted(r.Name) }

var plainWord = regexp.MustCompile(`^[A-Za-z0-9._/+=@%][A-Za-z0-9._/+=@%-]*$`)

// quoted makes one word for a shell of a name.
func quoted(name string) string {
	if plainWord.MatchString(name) {
		return name
	}
	if strings.HasPrefix(name, "-") {
		name = "./" + name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// answers are the questions that a colleague asks first.
func (r *Run) answers() []answer {
	return []answer{
		{"What was trained, and did it converge?", r.learned()},
		{"How far did it walk, and how?", r.looks()},
		{"Is that more than noise alone would do?", r.beyondNoise()},
		{"Can the picture of the landscape be trusted?", r.trusted()},
		{"Are there barriers?", r.barriers()},
		{"How curved is it, and is it at the edge of stability?", r.curved()},
		{"Can I make it again?", r.again()},
	}
}

// dataName is the name of the data without the place where they were.
func dataName(h *record.Header) string {
	name, _, _ := strings.Cut(h.Data.Spec, ":")
	return name
}

func (r *Run) learned() []string {
	h := r.Header
	s := fmt.Sprintf("%s with %s parameters learned", h.Model, short(float64(h.Layout.Len())))
	if name := dataName(h); name != "" {
		s += " " + name
	}
	if n := h.Data.TrainExamples; n > 0 { // a run from elsewhere may not say
		s += fmt.Sprintf(" (%s examples", short(float64(n)))
		if h.Data.TestExamples > 0 {
			s += fmt.Sprintf(", %s held out", short(float64(h.Data.TestExamples)))
		}
		s += ")"
	}
	if h.Optimizer.Name != "" {
		s += " with " + h.Optimizer.Name
	}
	if rate, ok := h.Hyperparameter("learning_rate"); ok {
		s += fmt.Sprintf(", learning rate %g", rate)
	}
	if h.Optimizer.RateSchedule != "" {
		s += " (" + h.Optimizer.RateSchedule + ")"
	}
	if h.Batch > 0 {
		s += fmt.Sprintf(", mini-batches of %d", h.Batch)
	}
	if h.Steps > 0 {
		s += fmt.Sprintf(", for %s steps", short(float64(h.Steps)))
	}
	if h.Epochs > 0 {
		s += fmt.Sprintf(" (%d epochs)", h.Epochs)
	}
	if h.Kernel != "" { // only this program's own training says its seed for certain
		s += fmt.Sprintf(", seed %d", h.Seed)
	}
	out := []string{s + "."}
	p := r.first("path")
	if p == nil {
		return append(out, "How the loss went is not known here; "+r.command("path")+" reads it from the recording.")
	}
	t := p.tables["path"]
	for _, c := range []struct{ name, column string }{{"Training loss", "full_loss"}, {"Held-out loss", "test_loss"}, {"Mini-batch loss", "batch_loss"}} {
		v := t.column(c.column)
		first, last, ok := ends(v)
		if !ok || c.column == "batch_loss" && len(out) > 1 {
			continue
		}
		line := fmt.Sprintf("%s went from %s to %s", c.name, short(first), short(last))
		if i := lowest(v); v[i] < last && c.column == "test_loss" {
			line += fmt.Sprintf(", lowest %s at step %s", short(v[i]), short(at(t.column("step"), i)))
		}
		out = append(out, line+".")
	}
	if s := settled(t); s != "" {
		out = append(out, s)
	}
	f := facts{value: p.summary}
	if n, ok := f.num("nonfinite_losses"); ok && n > 0 {
		out = append(out, fmt.Sprintf("%s mini-batch losses are NaN or infinite: the run diverged.", short(n)))
	}
	return out
}

func (r *Run) looks() []string {
	var out []string
	if p := r.first("path"); p != nil {
		f := facts{value: p.summary}
		if l, ok := f.num("path_length"); ok {
			if d, ok := f.num("displacement"); ok {
				text := fmt.Sprintf("The path is %s long and ends %s from its start", short(l), short(d))
				if n := at(p.tables["path"].column("theta_norm"), 0); n > 0 {
					text += fmt.Sprintf(", %s of the length of the parameters there", percent(d/n))
				}
				out = append(out, text+".")
			}
		}
		for _, c := range []struct{ name, key string }{{"gradients", "grad_cos"}, {"updates", "update_cos"}} {
			m, ok := f.num(c.key, "mean")
			below, _ := f.num(c.key + "_negative_ratio")
			if !ok {
				continue
			}
			out = append(out, fmt.Sprintf("Consecutive %s %s: mean cosine %s, %s below 0.", c.name, turning(below), short(m), percent(below)))
			break
		}
	}
	w := r.first("walk")
	if w == nil {
		return append(out, "The loss between iterates was not evaluated; "+r.command("walk")+" does it.")
	}
	f := facts{value: w.summary}
	n, _ := f.num("segments")
	if x, ok := f.num("floor_interior_ratio"); ok {
		up, okUp := f.num("rises_ratio")
		out = append(out, fmt.Sprintf("Of the %s, %s pass over the lowest point on their way, and %s end higher than they began; %s.", r.walked(&f, n), percent(x), optional(percent, up, okUp), f.floorText()))
	}
	return out
}

// turning says which way consecutive vectors point whose cosines are below 0 in this
// share of the cases.
func turning(below float64) string {
	switch {
	case below > 0.5:
		return "turn back on one another more often than not"
	case below == 0.5:
		return "turn back on one another as often as not"
	default:
		return "point the same way more often than not"
	}
}

// floorText says where the floor is, weighted with the curvature: the same number as
// on the command line.
func (f *facts) floorText() string {
	if p, ok := f.num("floor_position_weighted"); ok {
		return fmt.Sprintf("weighted with the curvature, it is at s* = %s of the step", short(p))
	}
	return "where it is on average cannot be said, because no curvature above 0 is resolved"
}

// walked says how many of the run's steps were walked.
func (r *Run) walked(f *facts, n float64) string {
	from, ok1 := f.num("first_step")
	to, ok2 := f.num("last_step")
	s := short(n) + " walked steps"
	if ok1 && ok2 && n < float64(r.Header.Steps) {
		s += fmt.Sprintf(" (%s to %s, of the run's %s)", short(from), short(to), short(float64(r.Header.Steps)))
	}
	return s
}

// barriers are what the walk and the lines say.
func (r *Run) barriers() []string {
	var out []string
	if w := r.first("walk"); w != nil {
		f := facts{value: w.summary}
		n, _ := f.num("segments")
		if b, ok := f.num("barriers"); ok {
			if b == 0 {
				out = append(out, fmt.Sprintf("None along the path: of the %s, none crosses a point higher than both of its ends.", r.walked(&f, n)))
			} else {
				out = append(out, fmt.Sprintf("Along the path, %s of the %s cross a point higher than both of their ends.", short(b), r.walked(&f, n)))
			}
		}
	}
	for i := range r.Results {
		x := &r.Results[i]
		if x.Document.Analysis != "line" {
			continue
		}
		f := facts{value: x.summary}
		out = append(out, f.barrierText("the straight line"+x.between(), "line"))
		if form := f.str("curve", "form"); form != "" {
			out = append(out, f.barrierText("the "+form+" curve trained between them", "curve", "curve"))
		}
	}
	out = slices.DeleteFunc(out, func(s string) bool { return s == "" })
	if len(out) == 0 {
		return []string{"Not known; " + r.command("walk") + " looks between consecutive iterates, " + r.command("line") + " between any two."}
	}
	return out
}

// curved is what the curvature says.
func (r *Run) curved() []string {
	var out []string
	hessian := false
	for i := range r.Results {
		if x := &r.Results[i]; x.Document.Analysis == "curvature" {
			f := facts{value: x.summary}
			hessian = hessian || curvature.Matrix(f.str("matrix")) != curvature.FisherMatrix
			out = append(out, f.bends()...)
		}
	}
	w := r.first("walk")
	if (!hessian || len(out) == 0) && w != nil {
		f := facts{value: w.summary}
		if x, ok := f.num("eta_sharpness", "mean"); ok {
			out = append(out, fmt.Sprintf("Along its own steps the loss bends with \u03b7 \u00d7 sharpness = %s on average; other directions may bend more.", short(x)))
		}
	}
	if !hessian {
		out = append(out, "The Hessian was not looked at; "+r.command("curvature")+" does it.")
	}
	return out
}

func (r *Run) beyondNoise() []string {
	var out []string
	if w := r.first("walk"); w != nil {
		f := facts{value: w.summary}
		x, ok1 := f.num("floor_interior_ratio")
		y, ok2 := f.num("null", "floor_interior_ratio")
		up, ok3 := f.num("rises_ratio")
		nullUp, ok4 := f.num("null", "rises_ratio")
		if ok1 && ok2 && ok3 && ok4 {
			out = append(out, fmt.Sprintf("A quadratic bowl with the same curvature and noise, and no structure, has its floor inside %s of the steps (here %s) and rises over %s of them (here %s). Only the differences are about this loss.", percent(y), percent(x), percent(nullUp), percent(up)))
		} else if why := f.str("null", "absent"); why != "" {
			out = append(out, "The walk has no noisy quadratic to compare with: "+why+".")
		}
	}
	p := r.first("pca")
	if p == nil {
		return append(out, "The principal directions were not found; "+r.command("pca")+" finds them and puts a random walk beside them.")
	}
	f := facts{value: p.summary}
	v, w := f.nums("explained_variance_ratio"), f.nums("random_walk", "explained_variance_ratio")
	if len(v) > 0 && len(w) > 0 {
		s := fmt.Sprintf("The first direction holds %s of the variance; a random walk as long shows %s", percent(v[0]), percent(w[0]))
		if flips := f.get("surrogates", "sign_flips"); len(flips.items) > 0 {
			low, ok1 := flips.items[0].get("low").float()
			high, ok2 := flips.items[0].get("high").float()
			if ok1 && ok2 {
				s += fmt.Sprintf(", the run's own updates with random signs %s to %s", percent(low), percent(high))
			}
		}
		out = append(out, s+".")
	}
	return out
}

func (r *Run) trusted() []string {
	l := r.first("landscape")
	if l == nil {
		return []string{"There is none yet; " + r.command("landscape") + " draws it."}
	}
	f := facts{value: l.summary}
	var out []string
	relative, ok := f.num("plane_error_relative")
	out = append(out, sentence("it is "+f.planeText().Where))
	switch rows, _ := f.num("path_rows"); {
	case !ok && rows == 0:
		out = append(out, "It shows the loss around one point; the path was not projected onto it.")
	case !ok:
		out = append(out, "Not known: the loss on the plane was not compared with that of the iterates.")
	case slices.ContainsFunc(l.Document.Warnings, func(w warning) bool { return w.Code == "plane_disagrees" }):
		out = append(out, fmt.Sprintf("For its shape, not for the loss under the path: at the iterates the plane is %s off (median).", percent(relative)))
	default:
		out = append(out, fmt.Sprintf("Yes, near the path: at the iterates the plane is %s off (median).", percent(relative)))
	}
	if x, ok := f.num("residual_ratio"); ok {
		out = append(out, fmt.Sprintf("The iterates lie off the plane by %s of the path's extent on it (median).", percent(x)))
	}
	truth, ok1 := f.num("last_true_loss")
	plane, ok2 := f.num("last_plane_loss")
	if ok1 && ok2 {
		out = append(out, fmt.Sprintf("The last iterate has the loss %s; the plane shows %s under it.", short(truth), short(plane)))
	}
	if share := f.planeShare(); share != "" {
		out = append(out, share)
	}
	if n, ok := f.num("path_outside"); ok && n > 0 {
		out = append(out, fmt.Sprintf("%s iterates lie beyond its edge.", short(n)))
	}
	return out
}

func (r *Run) again() []string {
	h := r.Header
	var what []string
	for _, c := range []struct {
		name string
		kept bool
	}{{"parameters", h.Columns.Theta}, {"gradients", h.Columns.Grad}, {"running statistics", h.Columns.State}} {
		if c.kept {
			what = append(what, c.name)
		}
	}
	if len(what) == 0 {
		what = []string{"losses only"}
	}
	kept := fmt.Sprintf("The recording keeps %s (schedule %s).", strings.Join(what, " and "), h.Schedule)
	if h.Data.Hash == "" || h.Kernel == "" { // trained by another program
		kept += " Training is another program's, which made it"
		if h.Software != "" {
			kept += " (" + h.Software + ")"
		}
		kept += ": what its header does not say, such as the order of the data, only that program can repeat."
	} else {
		kept += fmt.Sprintf(" Its header names the model, the data with their hash, every hyperparameter and the seed; bits repeat on processors with the same kernels (%s).", h.Kernel)
	}
	out := []string{kept}
	if h.Sketch != nil {
		out = append(out, "Its rows are reduced: they are a sketch of the parameters, not the parameters.")
	}
	if p := r.first("path"); p != nil {
		f := facts{value: p.summary}
		rows, ok := f.num("rows")
		from, _ := f.num("first_step")
		to, _ := f.num("last_step")
		missing, _ := f.num("missing_steps")
		if ok {
			s := fmt.Sprintf("%s iterates are there, steps %s to %s", short(rows), short(from), short(to))
			if missing > 0 {
				s += fmt.Sprintf(", %s steps between them are not", short(missing))
			} else {
				s += ", none missing between them"
			}
			out = append(out, s+".")
		}
	}
	return append(out, "sgdwalk verify "+quoted(r.Name)+" checks every byte of it. Options and hashes of every result are at the end.")
}
