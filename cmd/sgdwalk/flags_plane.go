package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sgdwalk/analyze/landscape"
	"sgdwalk/record"
	"sgdwalk/record/exchange"
)

// planeFlags choose the plane, or the lines, of a landscape.
type planeFlags struct {
	Plane        string `default:"pca" enum:"pca,random,hessian,through,file" help:"Directions: pca, random, hessian (eigenvectors), through (points) or file (default ${default}; --through, --directions and --eigenvectors say so themselves)."`
	At           string `placeholder:"POINT" help:"Where the plane is fixed: STEP, RUN@STEP or RUN for its last iterate (default: the center of the PCA, otherwise the last iterate)."`
	Components   string `default:"1,2" placeholder:"I,J" help:"Which principal directions (default ${default})."`
	Normalize    string `default:"" enum:",filter,layer,none" help:"Lengths of random directions and of those from a file: filter (Li et al.), layer or none (default filter; none for a file)."`
	OneDim       string `name:"one-dim" default:"zero" enum:"zero,copy" help:"Biases and normalization parameters in such directions: zero, or a copy of the parameters (default ${default})."`
	Orthogonal   bool   `help:"Make the second random direction orthogonal to the first, filter by filter."`
	PlaneSeed    uint64 `default:"0" placeholder:"N" help:"Seed of random directions and of the Lanczos iteration (default ${default})."`
	Through      string `placeholder:"POINT,..." help:"A plane through two or three points of any runs of one layout; with two the second direction is random."`
	Directions   string `placeholder:"FILE[,FILE]" help:"Directions from .npy, .npz or .safetensors files: the first two vectors in them."`
	Eigenvectors string `default:"" placeholder:"I,J" help:"Which eigenvectors of the Hessian: 1 has the largest eigenvalue, -1 the smallest (default 1,2)."`
	Products     int    `default:"100" help:"Most Hessian-vector products for them (default ${default})."`
}

// planeHelp explains the flags with examples.
const planeHelp = `The plane goes through the mean of the iterates along their first two principal directions,
or as --plane says:
  sgdwalk landscape --plane random RUN                  filter-normalized, as Li et al. (2018)
  sgdwalk landscape --plane random --normalize layer --at 100 --plane-seed 7 RUN
  sgdwalk landscape --plane hessian --eigenvectors 1,-1 RUN
  sgdwalk landscape --through RUN@0,RUN@-1,RUN2 RUN     three points, at (0,0), (1,0), (0,1)
  sgdwalk landscape --through RUN,RUN2 RUN              two points; the second axis is random
  sgdwalk landscape --directions dirs.npz --at 0 RUN
  sgdwalk landscape --lines 10 RUN                      the loss along ten random lines`

// kind is the one that the flags name or imply.
func (f *planeFlags) kind() (string, error) {
	kind := f.Plane
	if kind == "" { // a caller that gives no flags
		kind = "pca"
	}
	for _, other := range []struct{ flag, value, kind string }{
		{"--through", f.Through, "through"},
		{"--directions", f.Directions, "file"},
		{"--eigenvectors", f.Eigenvectors, "hessian"},
	} {
		switch {
		case other.value == "" && f.Plane == other.kind && other.kind != "hessian":
			return "", usagef("--plane %s needs %s", f.Plane, other.flag)
		case other.value == "" || kind == other.kind:
		case kind == "pca":
			kind = other.kind
		default:
			return "", usagef("%s is %q, but the plane is %s; give one of the two", other.flag, other.value, kind)
		}
	}
	if f.Orthogonal && kind != "random" {
		return "", usagef("--orthogonal is given for a plane of kind %s; it is for random ones", kind)
	}
	if f.Normalize != "" && kind != "random" && kind != "file" && kind != "through" {
		return "", usagef("--normalize is %q for a plane of kind %s; it is for random, through and file",
			f.Normalize, kind)
	}
	if f.At != "" && kind == "through" {
		return "", usagef("--at is %q, but --through says where the plane is", f.At)
	}
	return kind, nil
}

// planeOptions returns what the flags choose.
func (f *planeFlags) planeOptions(a *analysis) (o landscape.PlaneOptions, err error) {
	kind, err := f.kind()
	if err != nil {
		return o, err
	}
	o = landscape.PlaneOptions{
		Kind: landscape.PlaneKind(kind), At: f.At, Products: f.Products, Normalize: f.Normalize,
		OneDim: landscape.OneDimensional(f.OneDim), Orthogonal: f.Orthogonal, Seed: f.PlaneSeed,
		Point: a.point, Progress: a.progress,
	}
	if f.Through != "" {
		o.Through = strings.Split(f.Through, ",")
	}
	if o.Components, err = landscape.ParsePair("--components", f.Components, 1); err != nil {
		return o, err
	}
	if o.Eigenvectors, err = landscape.ParsePair("--eigenvectors", f.Eigenvectors,
		-landscape.MaxEigenvector); err != nil || kind != "file" {
		return o, err
	}
	for name := range strings.SplitSeq(f.Directions, ",") {
		vectors, err := exchange.Vectors(name, a.trace.Header().Layout)
		if err != nil {
			return o, err
		}
		for _, v := range vectors {
			o.Directions = append(o.Directions, landscape.Direction{Name: v.Name, Values: v.Values})
		}
	}
	if len(o.Directions) < 2 {
		return o, fmt.Errorf("landscape: --directions %s has %d vector; a plane needs 2",
			f.Directions, len(o.Directions))
	}
	return o, nil
}

// point returns a copy of the iterate that a point of this run or of another run names, and what
// to call it.
func (a *analysis) point(text string) (theta []float32, said string, err error) {
	s, said, err := a.iterate(text)
	return s.Theta, said, err
}

// iterate does what point does, and returns the running statistics at the iterate too. Statistics
// of another layout are left out.
func (a *analysis) iterate(text string) (s record.Step, said string, err error) {
	run, step, err := landscape.ParsePoint(text)
	if err != nil {
		return s, "", err
	}
	other := a.Run
	if run != "" {
		if other, err = a.reading.openRun(run); err != nil {
			return s, "", err
		}
		defer other.Close()
	}
	here, there := a.trace.Header(), other.Header()
	if !there.Layout.Equal(here.Layout) {
		return s, "", fmt.Errorf("%s and %s have different layouts (%s with %d parameters and %s with %d): no "+
			"plane goes through both", a.Dir, run, here.Model, here.Layout.Len(), there.Model, there.Layout.Len())
	}
	if s, err = other.Iterate(step); err != nil {
		return s, "", err
	}
	if s.Theta = slices.Clone(s.Theta); !there.State.Equal(here.State) {
		s.State = nil
	} else if s.State, err = other.StateAt(s.Step); err != nil {
		return s, "", err
	}
	said = fmt.Sprintf("step %d", s.Step)
	if run == "" {
		return s, said, nil
	}
	if err := a.dependsOn(other); err != nil {
		return s, "", err
	}
	a.Warnings.Add(here.Model != there.Model, "other_model", "%s is a run of %s: the loss at its point is that of "+
		"%s, which has the same layout", filepath.Base(run), there.Model, here.Model)
	return s, filepath.Base(run) + " " + said, nil
}
