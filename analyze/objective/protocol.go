package objective

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"sgdwalk/record"
)

// version of the protocol.
const version = 1

// hello is the first line that a process is sent.
type hello struct {
	Version       int           `json:"sgdwalk_objective"`
	Layout        record.Layout `json:"layout"`
	Elements      int           `json:"elements"`
	StateLayout   record.Layout `json:"state_layout"`
	StateElements int           `json:"state_elements"`
	Theta         string        `json:"theta"`    // path of the file
	State         string        `json:"state"`    // path; empty without state
	Gradient      string        `json:"gradient"` // path; empty without gradients
	// path, for the vectors to multiply by the Hessian; empty without products
	Vectors     string `json:"vectors"`
	Products    string `json:"products"` // path; empty without products
	MostVectors int    `json:"most_vectors"`
	Token       string `json:"token,omitempty"` // of the address of a connection
}

// tensor is a tensor as a process describes its own.
type tensor struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
}

func (t tensor) String() string { return fmt.Sprintf("%s %v", t.Name, t.Shape) }

func (t tensor) equal(o tensor) bool { return t.Name == o.Name && slices.Equal(t.Shape, o.Shape) }

// welcome is the first line that a process answers.
type welcome struct {
	Version     *int      `json:"sgdwalk_objective"`
	Layout      []tensor  `json:"layout"`
	StateLayout *[]tensor `json:"state_layout"` // nil: it takes no state
	Gradient    bool      `json:"gradient"`
	Hessian     bool      `json:"hessian"`
	Error       string    `json:"error"`
}

// isWelcome reports whether a line is the first answer. Other lines at the start are
// text that libraries of the program print.
func isWelcome(line []byte) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(line, &fields) != nil {
		return false
	}
	for _, name := range []string{"sgdwalk_objective", "layout", "error"} {
		if _, ok := fields[name]; ok {
			return true
		}
	}
	return false
}

// check compares the layouts of a process with the layouts of the run.
func (w *welcome) check(h *hello) error {
	switch {
	case w.Error != "":
		return fmt.Errorf("says no: %s", w.Error)
	case w.Version == nil:
		return errors.New("sent a first line without \"sgdwalk_objective\", the version of the protocol")
	case *w.Version != version:
		return fmt.Errorf("speaks version %d of the protocol; this program speaks %d", *w.Version, version)
	case h.Gradient != "" && !w.Gradient:
		return errors.New("offers no gradients, and this analysis needs them")
	}
	if d := difference("theta", h.Layout, w.Layout); d != "" {
		return errors.New(d)
	}
	if w.StateLayout != nil {
		if d := difference("state", h.StateLayout, *w.StateLayout); d != "" {
			return errors.New(d + "; if the program keeps its own statistics, serve with state=False")
		}
	}
	return nil
}

// difference says where the layouts are not the same; empty when they are.
func difference(what string, run record.Layout, there []tensor) string {
	for i := range max(len(run), len(there)) {
		switch {
		case i >= len(there):
			return fmt.Sprintf("has no tensor %d in its %s; the run has %s there", i+1, what, tensor{
				run[i].Name,
				run[i].Shape,
			})
		case i >= len(run):
			return fmt.Sprintf("has %s as tensor %d of its %s; the run has no more than %d", there[i], i+1, what,
				len(run))
		}
		if t := (tensor{run[i].Name, run[i].Shape}); !t.equal(there[i]) {
			return fmt.Sprintf("has %s as tensor %d of its %s; the run has %s there", there[i], i+1, what, t)
		}
	}
	return ""
}

// request requests numbers at the point that the files contain.
type request struct {
	ID      int64    `json:"id"`
	Want    []string `json:"want"`
	Vectors int      `json:"vectors,omitempty"` // number of vectors to multiply by the Hessian
}

// gradientName requests the gradient in its file, hessianName the products of the
// Hessian with the vectors in theirs.
const (
	gradientName = "gradient"
	hessianName  = "hessian"
)

// reserved lists the fields of an answer that cannot be requested as numbers.
var reserved = []string{"loss", gradientName, hessianName, "id", "error", "frozen", "hessian_absent"}

// answer is what a program says to a request.
type answer struct {
	values []float64 // in the order of the names
	frozen []string  // tensors that have no gradient
	absent string    // the reason why products are missing
}

// readAnswer reads an answer, which must have the numbers in names.
func readAnswer(line []byte, id int64, names []string) (a answer, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(quoteNumbers(line), &fields); err != nil {
		return a, fmt.Errorf("printed %s on standard output, where only answers may go (print to standard error)",
			excerpt(line))
	}
	got, err := strconv.ParseInt(string(fields["id"]), 10, 64)
	switch {
	case err != nil:
		return a, fmt.Errorf("answered %s, without the id of request %d", excerpt(line), id)
	case got == id-1 && got > 0:
		return a, fmt.Errorf("answered request %d twice", got)
	case got != id:
		return a, fmt.Errorf("answered request %d instead of request %d", got, id)
	}
	if e, ok := fields["error"]; ok {
		text := string(e)
		_ = json.Unmarshal(e, &text) // anything but a string is shown unchanged
		return a, fmt.Errorf("could not evaluate: %s", text)
	}
	a.values = make([]float64, len(names))
	for i, name := range names {
		field, ok := fields[name]
		if !ok {
			return a, fmt.Errorf("answered %s, which has no %q", excerpt(line), name)
		}
		if a.values[i], err = number(field); err != nil {
			return a, fmt.Errorf("answered %s as %q; it must be a number, or \"NaN\", \"Infinity\" or \"-Infinity\"",
				excerpt(field), name)
		}
		if strings.HasSuffix(name, "accuracy") {
			if a.values[i], err = share(a.values[i]); err != nil {
				return a, fmt.Errorf("answered %s as %q; %w", excerpt(field), name, err)
			}
		}
	}
	for name, to := range map[string]any{"frozen": &a.frozen, "hessian_absent": &a.absent} {
		if field, ok := fields[name]; ok {
			if err := json.Unmarshal(field, to); err != nil {
				return a, fmt.Errorf("answered %s as %q: %w", excerpt(field), name, err)
			}
		}
	}
	return a, nil
}

// share checks an accuracy. A mean that float32 rounded up is 1.
func share(v float64) (float64, error) {
	if !(v >= 0 && v <= 1+1e-6) {
		return 0, errors.New("an accuracy is the share of examples that are right, from 0 to 1")
	}
	return min(v, 1), nil
}

// number reads a JSON number, or the name of one that JSON does not have.
func number(field json.RawMessage) (float64, error) {
	var v float64
	var text string
	switch err := json.Unmarshal(field, &v); {
	case string(field) == "null":
		return 0, errors.New("null")
	case err == nil:
		return v, nil
	case json.Unmarshal(field, &text) != nil:
		return 0, err
	}
	switch strings.ToLower(text) {
	case "nan":
		return math.NaN(), nil
	case "infinity", "inf":
		return math.Inf(1), nil
	case "-infinity", "-inf":
		return math.Inf(-1), nil
	}
	return 0, fmt.Errorf("%q", text)
}

// quoteNumbers puts quotes around NaN and Infinity outside strings: the json module of
// Python writes them without quotes, which is not JSON.
func quoteNumbers(line []byte) []byte {
	out, inside := make([]byte, 0, len(line)+8), false
	for i := 0; i < len(line); i++ {
		switch rest := string(line[i:min(len(line), i+9)]); {
		case inside && line[i] == '\\' && i+1 < len(line):
			out = append(out, line[i])
			i++
		case line[i] == '"':
			inside = !inside
		case inside:
		default:
			if name := unquoted(rest); name != "" {
				out = append(append(append(out, '"'), name...), '"')
				i += len(name) - 1
				continue
			}
		}
		out = append(out, line[i])
	}
	return out
}

// unquoted is the name of a number that a text begins with.
func unquoted(text string) string {
	for _, name := range []string{"NaN", "Infinity", "-Infinity"} {
		if strings.HasPrefix(text, name) {
			return name
		}
	}
	return ""
}

// excerpt is a line for an error message.
func excerpt(line []byte) string {
	const most = 120
	text := strings.TrimSpace(string(line))
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strconv.Quote(text)
}
