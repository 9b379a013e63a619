package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// ErrOptions is wrapped by every error about the options.
var ErrOptions = errors.New("report: wrong options")

// Options of Write. The zero value is a still page with a title made of the runs.
type Options struct {
	// Title is the heading; "" says what was trained, or how many runs there are.
	Title string
	// Plotly is the text of a Plotly.js distribution, plotly.min.js, which is put
	// into the page; nil for none. The page then needs no network.
	Plotly []byte
	// PlotlyRelease is loaded by the reader's browser instead; the zero value is
	// none. At most one of Plotly and PlotlyRelease may be given.
	PlotlyRelease Release
	// Shared are results over several runs, such as a comparison, which stand in
	// front of the runs in the given order; OpenResult reads one.
	Shared []Result
	// Software is the program that writes the report, with its version; "" leaves
	// it out.
	Software string
}

// Release is a script at a fixed address with the hash that it must have.
type Release struct {
	URL       string // https, of one exact version
	Integrity string // as in the integrity attribute: sha256-, sha384- or sha512- and the hash in base64
}

// DefaultPlotly is the release of Plotly.js that the page was written for. The
// hash is that of the file in the npm package of the same version.
var DefaultPlotly = Release{
	URL:       "https://cdn.jsdelivr.net/npm/plotly.js-dist-min@4.1.2/plotly.min.js",
	Integrity: "sha384-hHv6D3tTUUBpp4tVv6t2Dc3oGuRhphmWOTKUR8jWyN0Pnon1g3iebKCNDNmKmxo8",
}

// IsZero reports whether no release is named.
func (r Release) IsZero() bool { return r == Release{} }

// An exact version in an address: what "latest" or "@4" points to changes, and
// the hash would fit no longer.
var version = regexp.MustCompile(`\d+\.\d+\.\d+`)

var digests = map[string]int{"sha256": 32, "sha384": 48, "sha512": 64}

func (r Release) validate() error {
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil ||
		strings.ContainsAny(r.URL, " ;,'\"\t\r\n") {
		return fmt.Errorf("%w: PlotlyRelease.URL is %q; it must be an https address", ErrOptions, r.URL)
	}
	if !version.MatchString(u.Path) {
		return fmt.Errorf("%w: PlotlyRelease.URL is %q; it must name an exact version, such as 4.1.2", ErrOptions,
			r.URL)
	}
	name, sum, _ := strings.Cut(r.Integrity, "-")
	b, err := base64.StdEncoding.DecodeString(sum)
	if n := digests[name]; err != nil || n == 0 || len(b) != n {
		return fmt.Errorf("%w: PlotlyRelease.Integrity is %q; it must be sha256-, sha384- or sha512- followed by the "+
			"hash in base64", ErrOptions, r.Integrity)
	}
	return nil
}

// Validate checks the options; the error names the field, its value and what is
// allowed.
func (o *Options) Validate() error {
	if o.Plotly != nil && !o.PlotlyRelease.IsZero() {
		return fmt.Errorf("%w: Plotly and PlotlyRelease are both given; allowed is one of them", ErrOptions)
	}
	if o.Plotly != nil && (!utf8.Valid(o.Plotly) || !bytes.Contains(o.Plotly, []byte("Plotly"))) {
		return fmt.Errorf("%w: Plotly holds %d bytes that are not a Plotly.js distribution; it must be the text of "+
			"plotly.min.js", ErrOptions, len(o.Plotly))
	}
	if !o.PlotlyRelease.IsZero() {
		return o.PlotlyRelease.validate()
	}
	return nil
}

// interactive reports whether the page may become interactive.
func (o *Options) interactive() bool { return o.Plotly != nil || !o.PlotlyRelease.IsZero() }

var banner = regexp.MustCompile(`plotly\.js(?: \([^)]*\))? v(\d+\.\d+\.\d+)`)

// origin says which Plotly.js the page uses.
func (o *Options) origin() string {
	switch {
	case o.Plotly != nil:
		sum := sha256.Sum256(o.Plotly)
		name := "Plotly.js"
		if m := banner.FindSubmatch(o.Plotly[:min(len(o.Plotly), 4096)]); m != nil {
			name += " " + string(m[1])
		}
		return name + ", inlined, sha256:" + hex.EncodeToString(sum[:])
	case !o.PlotlyRelease.IsZero():
		return "Plotly.js from " + o.PlotlyRelease.URL + ", " + o.PlotlyRelease.Integrity
	default:
		return ""
	}
}
