package dataset

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Specs lists the specs that Open accepts, for help and errors.
func Specs() string {
	specs := make([]string, len(kinds))
	for i, k := range kinds {
		specs[i] = k.name
		if k.directory {
			specs[i] += ":DIR"
		}
	}
	return strings.Join(specs, ", ")
}

// source is the result of a loader: the published parts. One of the two may be
// empty.
type source struct {
	train, test Set
	name        string // of the examples, in words, if no test part was published
	scaling     string
}

// kind describes a kind of data set: everything that the rest of the program knows
// about it. Help, errors and replay follow from the table.
type kind struct {
	name      string
	directory bool     // the spec names a directory
	allowed   []string // options that apply
	load      func(directory string, o Options) (source, error)
}

// imageOptions are the options of every data set of images.
var imageOptions = []string{"holdout", "spread", "limit", "pad", "crop", "flip"}

// kinds lists all kinds of data sets, in the order in which help shows them.
var kinds = []kind{
	{"digits", false, imageOptions, func(string, Options) (source, error) { return loadDigits() }},
	{"mnist", true, append(imageOptions, "classes"), func(d string, o Options) (source, error) { return loadMNIST(d, o.Classes) }},
	{"fashion", true, imageOptions, func(d string, o Options) (source, error) { return loadMNIST(d, o.Classes) }},
	{"cifar10", true, imageOptions, func(d string, _ Options) (source, error) { return loadCIFAR(d) }},
	{
		"spirals", false,
		[]string{"holdout", "spread", "examples", "noise", "seed"},
		func(_ string, o Options) (source, error) { return spirals(o), nil },
	},
}

// Open reads the data set that a spec names and checks every size and label. A
// mistake in the spec or the options is an *OptionError. Every other error names
// the file, the value and what is allowed.
//
//	digits       1,797 handwritten digits of 8x8 pixels, embedded in the program
//	mnist:DIR    IDX files as published (train-images-idx3-ubyte, ...), plain or .gz;
//	             mnist:DIR?classes=47 reads 47 classes (EMNIST, your own data)
//	fashion:DIR  the same for Fashion-MNIST
//	cifar10:DIR  the binary version (data_batch_1.bin, ..., test_batch.bin)
//	spirals      two interleaved spirals in the plane, drawn from a seed
//
// If the published training part and the published test part are both present, the
// first one trains and the second one is held out. Otherwise the last
// floor(n*Holdout) examples of the only part are held out, or the same number of
// evenly spread examples with Spread. Data.Split says which case applies.
//
// The last digits were written by other people than the first ones, so the default
// is the harder test: a network with an accuracy of 97 % on evenly spread digits
// has 91 % on the last ones.
func Open(spec string, o Options) (*Data, error) {
	d, err := open(spec, o)
	if err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	}
	return d, nil
}

func open(spec string, o Options) (*Data, error) {
	base, pairs := cutOptions(spec)
	k, directory, err := parseKind(base)
	if err != nil {
		return nil, err
	}
	if o, err = parseOptions(pairs, o); err != nil {
		return nil, err
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	for _, p := range options() {
		if p.given(&o) && !slices.Contains(k.allowed, p.name) {
			field, allowed := "option of the data set "+k.name, strings.Join(k.allowed, ", ")
			return nil, &OptionError{field, strconv.Quote(p.name), allowed}
		}
	}
	src, err := k.load(directory, o.withDefaults())
	if err != nil {
		return nil, err
	}
	d := &Data{Augment: o.Augment, Scaling: src.scaling}
	if d.Train, d.Test, d.Split, err = split(src, o); err != nil {
		return nil, err
	}
	if o.Limit > 0 && max(d.Train.Len(), d.Test.Len()) > o.Limit {
		d.Train = d.Train.Subset(0, min(o.Limit, d.Train.Len()))
		d.Test = d.Test.Subset(0, min(o.Limit, d.Test.Len()))
		d.Split += fmt.Sprintf("; of each part the first %d at most are taken", o.Limit)
	}
	if o.Pad > 0 {
		d.Train, d.Test = pad(d.Train, o.Pad), pad(d.Test, o.Pad)
		d.Scaling += fmt.Sprintf(", padded by %d", o.Pad)
	}
	d.Spec = canonical(base, o)
	d.Hash = hashSets(d.Train, d.Test)
	return d, nil
}

// parseKind parses a spec without options.
func parseKind(spec string) (kind, string, error) {
	name, directory, colon := strings.Cut(spec, ":")
	for _, k := range kinds {
		switch {
		case k.name != name:
			continue
		case k.directory && directory == "":
			return k, "", &OptionError{"data set", strconv.Quote(spec), name + ":DIR with the directory of its files"}
		case !k.directory && colon:
			return k, "", &OptionError{"data set", strconv.Quote(spec), name + " without a directory"}
		}
		return k, directory, nil
	}
	return kind{}, "", &OptionError{"data set", strconv.Quote(spec), Specs()}
}

// split divides a source into a training set and a held-out set, and describes the
// split in words.
func split(src source, o Options) (train, test Set, words string, err error) {
	const trainPart, testPart = "the published training part", "the published test part"
	if src.train.Len() > 0 && src.test.Len() > 0 {
		if o.Holdout != 0 || o.Spread {
			const allowed = "neither here: the published training and test parts are both present"
			return train, test, "", &OptionError{"holdout or spread", "given", allowed}
		}
		words = fmt.Sprintf("the %d examples of %s train, the %d of %s are held out",
			src.train.Len(), trainPart, src.test.Len(), testPart)
		return src.train, src.test, words, nil
	}
	all, name, absent := src.train, src.name, ""
	switch {
	case all.Len() == 0:
		all, name, absent = src.test, testPart, trainPart
	case name == "":
		name, absent = trainPart, testPart
	}
	n := all.Len()
	// 1e-9 corrects the rounding of products such as 100*0.29.
	held := min(int(math.Floor(float64(n)*o.withDefaults().Holdout+1e-9)), n-1)
	if o.Spread {
		train, test = spread(all, held)
		words = fmt.Sprintf("%d of the %d examples of %s, evenly spread, are held out, the other %d train",
			held, n, name, n-held)
	} else {
		train, test = all.Subset(0, n-held), all.Subset(n-held, n)
		words = fmt.Sprintf("the first %d of the %d examples of %s train, the last %d are held out",
			n-held, n, name, held)
	}
	if absent != "" {
		words += "; " + absent + " is absent"
	}
	return train, test, words, nil
}

// spread moves the given number of examples, as evenly spaced as possible, to a
// test set. Both sets keep the order.
func spread(all Set, held int) (train, test Set) {
	n := all.Len()
	part := func(capacity int) Set {
		s := all
		s.Inputs, s.Labels = make([]float32, 0, capacity*all.Size()), make([]int32, 0, capacity)
		return s
	}
	train, test = part(n-held), part(held)
	for i := range n {
		to := &train
		if (i+1)*held/n > i*held/n {
			to = &test
		}
		to.Inputs = append(to.Inputs, all.Example(i)...)
		to.Labels = append(to.Labels, all.Labels[i])
	}
	return train, test
}

// pad returns the set with border zero pixels added on every side of every image.
func pad(s Set, border int) Set {
	p := s
	p.Height, p.Width = s.Height+2*border, s.Width+2*border
	p.Inputs = make([]float32, s.Len()*p.Size())
	row := s.Width * s.Channels
	for i := range s.Len() {
		from, to := s.Example(i), p.Example(i)
		for y := range s.Height {
			at := ((y+border)*p.Width + border) * s.Channels
			copy(to[at:at+row], from[y*row:(y+1)*row])
		}
	}
	return p
}
