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

// Options are the options of Write. The zero value gives a page without interactive views.
type Options struct {
	// Title is the heading; "" means a title with the optimizer or the number of runs.
	Title string
	// Plotly is the text of a Plotly.js distribution (plotly.min.js). Write copies it into
	// the page, and the interactive view then needs no network; nil means none.
	Plotly []byte
	// PlotlyRelease is a Plotly.js distribution that the reader's browser loads; the zero
	// value means none. At most one of Plotly and PlotlyRelease may be set.
	PlotlyRelease Release
	// Shared are results over several runs, such as a comparison. The page shows them
	// before the runs, in the given order. OpenResult reads one.
	Shared []Result
	// Software is the program that writes the report, with its version; it may be empty.
	Software string
}

// Release is a script at a fixed address, with its hash. The browser refuses a script that
// has another hash.
type Release struct {
	URL       string // https address that names an exact version
	Integrity string // as in the integrity attribute: sha256-, sha384- or sha512- and the hash in base64
}

// DefaultPlotly is the release of Plotly.js that the page was tested with. Its hash is the
// hash of the file in the npm package of the same version.
var DefaultPlotly = Release{
	URL:       "https://cdn.jsdelivr.net/npm/plotly.js-dist-min@4.1.2/plotly.min.js",
	Integrity: "sha384-hHv6D3tTUUBpp4tVv6t2Dc3oGuRhphmWOTKUR8jWyN0Pnon1g3iebKCNDNmKmxo8",
}

// IsZero reports whether r is the zero value, which means no release.
func (r Release) IsZero() bool { return r == Release{} }

// version matches an exact version in an address. An address with "latest" or "@4" leads to
// a new file later, which does not match the hash.
var version = regexp.MustCompile(`\d+\.\d+\.\d+`)

var digests = map[string]int{"sha256": 32, "sha384": 48, "sha512": 64}

// validate returns an error for an address that is not https or has no exact version, and for
// a malformed hash.
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

// Validate returns an error that names a wrong field, its value and the allowed values. The
// error wraps ErrOptions.
func (o *Options) Validate() error {
	if o.Plotly != nil && !o.PlotlyRelease.IsZero() {
		return fmt.Errorf("%w: Plotly and PlotlyRelease are both set; set at most one", ErrOptions)
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

// interactive reports whether the options allow an interactive view.
func (o *Options) interactive() bool { return o.Plotly != nil || !o.PlotlyRelease.IsZero() }

var banner = regexp.MustCompile(`plotly\.js(?: \([^)]*\))? v(\d+\.\d+\.\d+)`)

// origin names the Plotly.js distribution that the page uses, with its hash; "" means none.
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
