package report

import (
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/result"
)

type warning = analyze.Warning

// view has the data of the page's template.
type view struct {
	Title, Lead string
	Style       template.HTML
	Scripts     template.HTML
	Policy      string
	Plotly      string // the Plotly.js distribution; "" for none
	Remote      bool   // the browser loads Plotly.js
	Software    string
	Runs        []runView
	Overview    *table // key numbers of several runs; nil for one run
	Shared      []sectionView
	Origins     []originView // provenance of the shared results
	References  []entryView
	Level       int // heading level of sections
}

type entryView struct{ Line, Text string }

type runView struct {
	ID, Name, Subject string
	Comment           string
	Notes             [][2]string // tags and notes, each with its name
	Answers           []answer    // the answers that the page shows at once
	More              []answer    // folded
	Picture           *figureView
	PictureFrom       string // id of the section that the picture belongs to
	Warned            []noted
	Sections          []sectionView
	Explore           *exploreView
	Header            []table
	HeaderID          string
	Origins           []originView
}

// noted counts the warnings of a section.
type noted struct {
	Section, ID string
	Count       int
}

type sectionView struct {
	ID    string
	Level int // heading level
	section
	Missing     string // the command that makes the missing result; "" for an existing one
	MissingNote string // what the reader must put into it
	Warnings    []warning
	SeeAlso     []noted      // other sections that have further warnings of this result
	PictureOf   string       // id of the part of the page that has the first figure, if it is not here
	Picture     *figureView  // the first figure
	Figures     []figureView // the others
	Shown       []table      // tables that are not folded
	Said        []string     // the first findings
	MoreSaid    []string
	All         []table
	Data        string // names of the files with the numbers
}

// maxSaid is the number of findings that a section shows at once.
const maxSaid = 3

// Folded says what the reader finds in the folded part of a section; "" when it is empty.
func (s *sectionView) Folded() string {
	var parts []string
	if len(s.Reading) > 0 {
		parts = append(parts, "how to read it")
	}
	if n := len(s.Figures); n > 0 {
		parts = append(parts, plural(n, "more figure"))
	}
	if n := len(s.MoreSaid); n > 0 {
		parts = append(parts, plural(n, "more finding"))
	}
	if len(s.Tables)+len(s.All) > 0 {
		parts = append(parts, "all numbers")
	}
	return strings.TrimSuffix(sentence(strings.Join(parts, ", ")), ".")
}

// plural counts things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%s %ss", count(n), thing)
}

// Short returns the title for the list of contents.
func (s sectionView) Short() string { return head(s.Title) }

type figureView struct {
	ID     string
	Markup template.HTML
	Image  template.URL // data address of a PNG or GIF figure
	Alt    string
	Title  string
	File   string
}

type exploreView struct {
	ID        string
	Last      int
	Notes     []string
	Data      template.HTML
	Landscape bool
	Walk      bool
	Loss      bool
}

type originView struct {
	Title   string
	Rows    [][2]string
	Options [][2]string
}

// namer makes ids that are unique in the page. It has the ids that are in use.
type namer map[string]bool

// name returns an id from the parts, with a number at the end if the id is already in use.
func (n namer) name(parts ...string) string {
	var words []string
	for _, p := range parts {
		w := strings.Map(func(c rune) rune {
			switch {
			case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
				return c
			case c >= 'A' && c <= 'Z':
				return c + 'a' - 'A'
			}
			return '-'
		}, p)
		if w = strings.Trim(w, "-"); w != "" {
			words = append(words, w)
		}
	}
	id := strings.Join(words, "-")
	for k := 2; n[id]; k++ {
		id = fmt.Sprintf("%s-%d", strings.Join(words, "-"), k)
	}
	n[id] = true
	return id
}

// newView makes the data of the page. The order of runs and results determines all ids, so
// the same input gives the same bytes.
func newView(runs []Run, opts *Options) (*view, error) {
	v := &view{
		Title: opts.Title, Style: template.HTML("<style>" + pageStyle + "</style>"), Software: opts.Software,
		Level: 2,
	}
	if len(runs) > 1 {
		v.Level = 3
		v.Overview = overview(runs)
	}
	ids := namer{"top": true, "main": true, "contents": true, "references": true, "overview": true, "theme": true}
	var citations []string
	live := false
	for i := range runs {
		if runs[i].Header == nil {
			return nil, fmt.Errorf("report: run %d (%s) has no header", i+1, runs[i].Name)
		}
		run := runs[i]
		run.Results = slices.Clone(run.Results)
		sortResults(run.Results)
		r, err := newRunView(&run, i+1, v.Level, ids, opts)
		if err != nil {
			return nil, err
		}
		live = live || r.Explore != nil
		v.Runs = append(v.Runs, *r)
		for _, x := range runs[i].Results {
			citations = append(citations, x.Document.Provenance.Citation)
		}
	}
	for i := range opts.Shared {
		x := &opts.Shared[i]
		s, err := newSectionView(x, "all", ids, "")
		if err != nil {
			return nil, fmt.Errorf("report: %s: %w", x.Name, err)
		}
		s.Level = 2
		v.Shared = append(v.Shared, *s)
		v.Origins = append(v.Origins, origin(x))
		citations = append(citations, x.Document.Provenance.Citation)
	}
	for _, e := range bibliography(citations) {
		v.References = append(v.References, entryView{e.line(), e.text})
	}
	v.Lead = runs[0].Header.Title()
	if len(runs) > 1 {
		v.Lead = fmt.Sprintf("%d runs, side by side and one by one", len(runs))
	}
	if v.Title == "" {
		v.Title = "A walk"
		if name := runs[0].Header.Optimizer.Name; name != "" { // checkpoints do not have it
			v.Title += " with " + strings.ToUpper(name)
		}
		if len(runs) > 1 {
			v.Title = fmt.Sprintf("%d walks", len(runs))
		}
	}
	if live {
		v.Plotly, v.Remote = opts.origin(), opts.Plotly == nil
	}
	v.Scripts, v.Policy = scripts(opts, live)
	return v, nil
}

// newRunView makes the part of the page about one run. number counts from 1 and is in the ids.
func newRunView(r *Run, number, level int, ids namer, opts *Options) (*runView, error) {
	run := fmt.Sprintf("r%d", number)
	v := &runView{
		ID: ids.name(run), Name: r.Name, Subject: r.Header.Title(), Comment: r.Header.Comment,
		Header: headerTables(r),
	}
	for _, a := range r.answers() {
		if a.folded {
			v.More = append(v.More, a)
		} else {
			v.Answers = append(v.Answers, a)
		}
	}
	for _, l := range r.Notes.Lines() {
		v.Notes = append(v.Notes, [2]string{l.Name, l.Text})
	}
	sum, err := result.HeaderSHA256(r.Header)
	if err != nil {
		return nil, fmt.Errorf("report: run %s: %w", r.Name, err)
	}
	for i := range r.Results {
		x := &r.Results[i]
		s, err := newSectionView(x, run, ids, "analysis/")
		if err != nil {
			return nil, fmt.Errorf("report: run %s: %s: %w", r.Name, x.Name, err)
		}
		s.Warnings = append(s.Warnings, mismatches(r, x, sum)...)
		v.Sections = append(v.Sections, *s)
		v.Origins = append(v.Origins, origin(x))
	}
	unread := make(map[string]bool)
	for _, u := range r.Unreadable {
		id := ids.name(run, u.Name)
		text := fmt.Sprintf("The result %s cannot be read and is not shown: %s. Make it again, or delete analysis/%s.",
			u.Name, strings.TrimPrefix(u.Err.Error(), "report: "), u.Name)
		v.Sections = append(v.Sections, sectionView{
			ID: id, section: section{Title: sentenceTitle(u.Name)},
			Warnings: []warning{{Code: "unreadable", Text: text}},
		})
		unread[u.Name] = true
	}
	v.takePicture(r)
	v.warnOnce()
	v.Sections = withMissing(r, v.Sections, run, ids, unread)
	for i := range v.Sections {
		v.Sections[i].Level = level
	}
	v.HeaderID = ids.name(run, "origin")
	if !opts.interactive() {
		return v, nil
	}
	if x, notes := r.explore(); x != nil {
		e := &exploreView{
			ID: ids.name(run, "steps"), Last: len(x.Steps) - 1, Notes: notes,
			Landscape: x.Landscape != nil, Walk: x.Walk != nil, Loss: x.Loss != nil,
		}
		data, err := x.block(e.ID + "-data")
		if err != nil {
			return nil, fmt.Errorf("report: run %s: %w", r.Name, err)
		}
		e.Data = template.HTML(data)
		v.Explore = e
	}
	return v, nil
}

// takePicture moves the figure that shows most of the run from its section to the top: the
// landscape with the path, otherwise the walk, otherwise the first figure of the page.
func (v *runView) takePicture(r *Run) {
	best := -1
	for _, want := range []string{"landscape", "walk", ""} {
		for i := range r.Results { // the sections of the results come first, in the same order
			x := &r.Results[i]
			if best < 0 && v.Sections[i].Picture != nil && (want == "" || x.Document.Analysis == want) {
				best = i
			}
		}
	}
	if best < 0 {
		return
	}
	s := &v.Sections[best]
	v.Picture, v.PictureFrom, s.Picture, s.PictureOf = s.Picture, s.ID, nil, v.ID+"-short"
}

// warnOnce keeps every warning in the first section that has it, and links to that section from
// the others. It counts the warnings of each section.
func (v *runView) warnOnce() {
	first := make(map[string]int)
	for i := range v.Sections {
		s := &v.Sections[i]
		var own []warning
		for _, w := range s.Warnings {
			if at, seen := first[w.Text]; !seen {
				first[w.Text] = i
				own = append(own, w)
			} else if to := (noted{head(v.Sections[at].Title), v.Sections[at].ID, 0}); at != i &&
				!slices.Contains(s.SeeAlso, to) {
				s.SeeAlso = append(s.SeeAlso, to)
			}
		}
		if s.Warnings = own; len(own) > 0 {
			v.Warned = append(v.Warned, noted{head(s.Title), s.ID, len(own)})
		}
	}
}

// sentenceTitle returns the title of the section of an analysis. An unknown analysis has its
// name as the title.
func sentenceTitle(name string) string {
	if t := known(name).title; t != "" {
		return t
	}
	return strings.TrimSuffix(sentence(words(name)), ".")
}

// head returns the part of a title before the colon.
func head(title string) string {
	head, _, _ := strings.Cut(title, ":")
	return head
}

// withMissing returns the sections with an additional section for every missing result that
// is expected. The additional section names the command that makes the result.
func withMissing(r *Run, have []sectionView, run string, ids namer, unread map[string]bool) []sectionView {
	var out []sectionView
	at := 0
	for _, a := range analyses {
		name, from := a.name, at
		for at < len(r.Results) && r.Results[at].Document.Analysis == name {
			at++
		}
		out = append(out, have[from:at]...)
		if a.expected && at == from && !unread[name] {
			out = append(out, sectionView{
				ID: ids.name(run, name), section: section{Title: a.title},
				Missing: r.command(name), MissingNote: r.commandNote(name),
			})
		}
	}
	return append(out, have[at:]...)
}

// newSectionView returns the section of a result. in is the path of the directory that has
// the result's directory, as the page shows it.
func newSectionView(x *Result, run string, ids namer, in string) (*sectionView, error) {
	s := &sectionView{ID: ids.name(run, x.Name), section: x.section(), Warnings: append([]warning{},
		x.Document.Warnings...)}
	for k := range s.Warnings {
		s.Warnings[k].Text = sentence(s.Warnings[k].Text)
	}
	for _, g := range x.Figures {
		v := figureView{ID: ids.name(run, x.Name, g.Name, "figure"), Title: sentence(words(g.Name)), File: g.Name}
		alt := x.caption(g.Name)
		if alt != "" {
			v.Title = alt
		} else {
			alt = fmt.Sprintf("Figure %s of the analysis %s.", g.Name, x.Name)
		}
		v.Alt = alt
		switch {
		case g.SVG != nil:
			d, err := inline(g.SVG, v.ID, words(g.Name), alt)
			if err != nil {
				return nil, fmt.Errorf("figure %s: %w", g.Name, err)
			}
			v.Markup, v.Alt = template.HTML(d.markup), d.desc
		case g.GIF != nil:
			v.Image = template.URL("data:image/gif;base64," + base64.StdEncoding.EncodeToString(g.GIF))
		case g.PNG != nil:
			v.Image = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(g.PNG))
		}
		s.Figures = append(s.Figures, v)
	}
	if len(s.Figures) > 0 {
		s.Picture, s.Figures = &s.Figures[0], s.Figures[1:]
	}
	s.Said = s.Points
	if known(x.Document.Analysis).shown == 0 && len(s.Said) > maxSaid {
		s.Said, s.MoreSaid = s.Said[:maxSaid], s.Said[maxSaid:]
	}
	n := min(known(x.Document.Analysis).shown, len(s.Tables))
	s.Shown, s.Tables = s.Tables[:n], s.Tables[n:]
	// The section of an unknown analysis already has all numbers of the summary.
	if x.Summary != nil {
		s.All = generic("All numbers", x.summary.without(known(x.Document.Analysis).listed))
	}
	var data []string
	for _, name := range x.Document.Files {
		if strings.HasSuffix(name, ".csv") {
			data = append(data, name)
		}
	}
	if len(data) > 0 {
		s.Data = strings.Join(data, ", ") + " in " + in + x.Name
	}
	return s, nil
}
