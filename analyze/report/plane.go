package report

import (
	"fmt"
	"strings"
)

// planeText says in words which plane, or which bundle of lines, a result is
// about.
type planeText struct {
	Kind  string // pca, random, hessian, through, file; "" when the result does not say
	Head  string // for a title: "random directions"
	Where string // for a caption: "the plane of two random directions, ..."
}

// planeText reads the plane of a landscape's summary.
func (f *facts) planeText() planeText {
	p := planeText{Kind: f.str("plane", "kind")}
	origin, names := f.str("plane", "origin"), f.get("plane", "directions")
	if origin != "" {
		origin = " through " + origin
	}
	name := func(i int) string {
		if i < len(names.items) {
			return names.items[i].text
		}
		return fmt.Sprintf("direction %d", i+1)
	}
	switch p.Kind {
	case "pca":
		p.Head = strings.ToUpper(name(0)) + " and " + strings.ToUpper(name(1))
		if center := f.str("plane", "origin"); center == "mean" || center == "final" || center == "init" {
			origin = map[string]string{"mean": " through the mean of the iterates", "final": " through the last iterate", "init": " through the first iterate"}[center]
		}
		p.Where = fmt.Sprintf("the plane of the principal directions %s%s", p.Head, origin)
	case "random":
		p.Head = "random directions"
		p.Where = "the plane of two random directions, " + f.normalization() + "," + origin
	case "hessian":
		p.Head = "Hessian eigenvectors"
		number := func(i int) string { return strings.TrimPrefix(name(i), "eigenvector ") }
		p.Where = fmt.Sprintf("the plane of the eigenvectors %s and %s of the Hessian%s", number(0), number(1), origin)
		if l := f.nums("plane", "eigenvalues"); len(l) == 2 {
			p.Where += fmt.Sprintf(" (\u03bb = %s and %s there)", short(l[0]), short(l[1]))
		}
	case "through":
		p.Head = "through points"
		p.Where = fmt.Sprintf("the plane%s, %s and %s", origin, name(0), name(1))
		if name(1) == "random1" {
			p.Where = fmt.Sprintf("the plane%s and %s, with a random direction, %s, as its second", origin, name(0), f.normalization())
		}
	case "file":
		p.Head = "given directions"
		p.Where = fmt.Sprintf("the plane of the given directions %s and %s%s", name(0), name(1), origin)
	default:
		p.Where = "a plane"
		if len(f.nums("directions", "explained_variance_ratio")) > 1 {
			p.Kind, p.Head, p.Where = "pca", "PC1 and PC2", "the plane of the first two principal directions"
		}
	}
	return p
}

// normalization says how long random directions are.
func (f *facts) normalization() string {
	n := f.str("plane", "normalization")
	if n == "" || n == "none" {
		return "not normalized"
	}
	return n + "-normalized"
}

// reading says how to read a landscape on this plane, and what not to conclude.
func (p planeText) reading(path bool) []string {
	var out []string
	switch p.Kind {
	case "pca":
		out = append(out, "The plane is the flat one that the iterates spread most on: of all planes it flatters the path most.")
	case "random":
		out = append(out,
			"Random directions know nothing of the walk: the picture shows the loss around one point, and the path has next to no extent on it.",
			"Filter-normalized directions are as long as the parameters, filter by filter, so that widths of different networks can be compared (Li et al., 2018). Another seed gives another picture; the loss along several random lines says how much they differ.")
	case "hessian":
		out = append(out, "Along an eigenvector the loss bends by its eigenvalue at the point of the plane. These are the steepest bends there are; most other directions are far flatter.")
	case "through":
		out = append(out, "The plane is the one on which these points lie; between them anything can be. Axes are in units of their distance from the first.")
	}
	if path {
		out = append(out,
			"The path is the shadow of the iterates on the plane: they lie off it, and where the path is drawn paler they are further away.",
			"The loss under a point of the path is not the loss of that iterate; the table says by how much it differs.")
	}
	return append(out, "Two directions show two of all directions. A wide valley here says nothing about the width in the others.")
}

// planeShares returns the share of the iterates' variance that each of the two
// principal directions of the plane holds, with that of a random walk; ok is false
// for other planes.
func (f *facts) planeShares() (names [2]string, run, walk [2]float64, ok bool) {
	shares, null := f.nums("directions", "explained_variance_ratio"), f.nums("directions", "random_walk", "explained_variance_ratio")
	given := f.get("plane", "directions")
	for i := range run {
		k := i + 1
		if i < len(given.items) {
			if _, err := fmt.Sscanf(given.items[i].text, "pc%d", &k); err != nil {
				return names, run, walk, false
			}
		}
		names[i] = fmt.Sprintf("PC%d", k)
		run[i], walk[i] = at(shares, k-1), at(null, k-1)
	}
	return names, run, walk, run[0]+run[1] == run[0]+run[1]
}

// planeShare says how much of the variance the plane holds, "" when it is not one
// of principal directions.
func (f *facts) planeShare() string {
	_, run, walk, ok := f.planeShares()
	if !ok {
		return ""
	}
	s := fmt.Sprintf("The plane holds %s of the variance of the iterates", percent(run[0]+run[1]))
	if w := walk[0] + walk[1]; w == w {
		s += fmt.Sprintf("; a random walk as long shows %s", percent(w))
	}
	return s + "."
}
