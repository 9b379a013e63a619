package report

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/path"
)

// answer is a question of the reader, with the sentences of the results that answer it.
type answer struct {
	Question string
	Text     []string
	folded   bool // the page does not show it at once
}

// maxLead is the number of bytes of an answer that the page shows at once, unless the first
// sentence is longer. Five answers of this length and a figure fit on one screen.
const maxLead = 170

// split divides the sentences of the answer: lead is shown, and the reader opens the rest.
func (a *answer) split() (lead, rest []string) {
	n, length := 0, 0
	for n < len(a.Text) && (n == 0 || length+len(a.Text[n]) <= maxLead) {
		length += len(a.Text[n]) + 1
		n++
	}
	return a.Text[:n], a.Text[n:]
}

// Lead and Rest are the two parts of split, for the template.
func (a answer) Lead() string { lead, _ := a.split(); return strings.Join(lead, " ") }
func (a answer) Rest() string { _, rest := a.split(); return strings.Join(rest, " ") }

// first returns the result of an analysis in the directory of the same name or, if it does
// not exist, the first result of the analysis. It returns nil if there is no result.
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

// command returns the command line that makes a missing result, for a shell in the directory
// in which the report was made.
func (r *Run) command(analysis string) string {
	flags := ""
	if known(analysis).loss {
		switch objective := r.objective(); {
		case objective != "":
			flags = " " + quotedFlag("--objective="+objective)
		case r.Data != "":
			flags = " " + quotedFlag("--data="+r.Data)
		}
	}
	return "sgdwalk " + analysis + flags + " " + r.target()
}

// commandNote says what the reader must put into the command of an analysis; "" for nothing.
func (r *Run) commandNote(analysis string) string {
	if r.objective() == needed && known(analysis).loss {
		return needed + " is the program that evaluates the loss of a vector of parameters; sgdwalk python prints its " +
			"other end."
	}
	return ""
}

// needed stands for the program that evaluates the loss when it is not known.
const needed = "COMMAND"

// objective returns the command of the program that evaluates the loss; "" for a run that this
// program can train again.
func (r *Run) objective() string {
	if r.Objective != "" {
		return r.Objective
	}
	for i := range r.Results {
		if o := r.Results[i].Document.Provenance.Objective; o != "" {
			return o
		}
	}
	if r.isForeign() && r.Data == "" {
		return needed
	}
	return ""
}

// isForeign reports whether another program trained the run.
func (r *Run) isForeign() bool {
	return r.IsSeries || r.Header.Data.Hash == "" || r.Header.Kernel == ""
}

// target returns the run as the last arguments of a command.
func (r *Run) target() string {
	place := cmp.Or(r.Place, r.Name)
	out := ""
	for _, f := range r.Flags {
		out += quotedFlag(f) + " "
	}
	return out + quoted(place)
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9._/+=@%][A-Za-z0-9._/+=@%-]*$`)

// quoted quotes a name as one word for a shell.
func quoted(name string) string {
	if plainWord.MatchString(name) {
		return name
	}
	if strings.HasPrefix(name, "-") {
		name = "./" + name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// quotedFlag quotes a flag with its value, --NAME=VALUE.
func quotedFlag(flag string) string {
	name, value, _ := strings.Cut(flag, "=")
	if plainWord.MatchString(value) {
		return flag
	}
	return name + "='" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

// answers returns the first questions that readers have about a run, with their answers.
func (r *Run) answers() []answer {
	var out []answer
	if r.first("audit") != nil {
		out = append(out, answer{Question: "Is every checkpoint what its step says?", Text: r.findings(analyze.Sound)})
	}
	learned := r.learned()
	return append(out, []answer{
		{Question: "What was trained, and did it converge?", Text: append(learned[1:], learned[0])},
		{Question: "How far did it walk, and how?", Text: append(r.findings(analyze.Motion, "path", "walk"),
			r.relativeDisplacement()...)},
		{Question: "Is that more than noise alone would do?", Text: r.findings(analyze.Noise, "walk", "pca")},
		{Question: "Can the picture of the landscape be trusted?", Text: r.findings(analyze.Trust, "landscape")},
		{Question: "Are there barriers?", Text: r.findings(analyze.Barriers, "walk")},
		{
			Question: "How curved is it, and is it at the edge of stability?", Text: r.findings(analyze.Curvature, "curvature"),
			folded: true,
		},
		{Question: "Can I make it again?", Text: r.again(), folded: true},
	}...)
}

// findings returns the findings of the results that answer a question. For each missing
// result of sources, it adds a sentence with the command that makes the result.
func (r *Run) findings(q analyze.Question, sources ...string) []string {
	var out []string
	for i := range r.Results {
		x := &r.Results[i]
		if x.Summary == nil {
			continue
		}
		for _, f := range x.Summary.Findings() {
			switch {
			case f.Question != q:
			case x.Name == x.Document.Analysis:
				out = append(out, sentence(f.Text))
			default:
				out = append(out, sentence("in "+x.Name+": "+f.Text))
			}
		}
	}
	for _, name := range sources {
		if r.first(name) == nil {
			out = append(out, "The result of "+r.command(name)+" is missing.")
		}
	}
	return out
}

// relativeDisplacement compares the displacement with the norm of the first iterate.
func (r *Run) relativeDisplacement() []string {
	p := r.first("path")
	if p == nil {
		return nil
	}
	n, d := at(p.tables["path"].column("theta_norm"), 0), p.Summary.(*path.Summary).Displacement
	if !(n > 0) || !d.Valid {
		return nil
	}
	return []string{fmt.Sprintf("The displacement is %s of the norm of the first iterate.", analyze.Percent(d.Value/n))}
}

// learned describes the training and how the losses changed, from the header and the
// analysis path.
func (r *Run) learned() []string {
	h := r.Header
	s := fmt.Sprintf("%s with %s parameters learned", h.Model, short(float64(h.Layout.Len())))
	if name := h.Data.Name(); name != "" {
		s += " " + name
	}
	if n := h.Data.TrainExamples; n > 0 { // the header of an imported run may not have it
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
	if h.Kernel != "" { // the seed is reliable only for runs that this program trained
		s += fmt.Sprintf(", seed %d", h.Seed)
	}
	out := []string{s + "."}
	p := r.first("path")
	if p == nil {
		if len(r.Outcome) > 0 {
			var ends []string
			for _, o := range r.Outcome {
				ends = append(ends, o.Name+" "+o.Value)
			}
			out = append(out, "The recording has: "+strings.Join(ends, ", ")+".")
		}
		return append(out, r.command("path")+" shows the course of the loss.")
	}
	t := p.tables["path"]
	for _, c := range []struct{ name, column string }{
		{"Training loss", "full_loss"},
		{"Held-out loss", "test_loss"},
		{"Mini-batch loss", "batch_loss"},
	} {
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
	return append(out, r.findings(analyze.Convergent)...)
}

// again describes what is recorded, and whether the training can be repeated bit for bit.
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
	if r.IsSeries {
		out := []string{"These are checkpoints of another program: only that program can train again."}
		return append(append(out, r.findings(analyze.Recording)...), "sgdwalk audit "+r.target()+
			" examines every value of them. Options and hashes of every result are at the end.")
	}
	kept := fmt.Sprintf("The recording keeps %s (schedule %s).", strings.Join(what, " and "), h.Schedule)
	if r.isForeign() {
		kept += " Another program trained the run"
		if h.Software != "" {
			kept += " (" + h.Software + ")"
		}
		kept += ": only that program can repeat details that the header does not have, such as the order of the data."
	} else {
		kept += fmt.Sprintf(" Its header names the model, the data with their hash, every hyperparameter and the "+
			"seed; processors with the same kernels (%s) repeat the same bits.", h.Kernel)
	}
	out := []string{kept}
	if h.Sketch != nil {
		out = append(out, "Its rows are reduced: they are a sketch of the parameters, not the parameters.")
	}
	out = append(out, r.findings(analyze.Recording)...)
	return append(out, "sgdwalk verify "+r.target()+" checks every byte of it. Options and hashes of every "+
		"result are at the end.")
}
