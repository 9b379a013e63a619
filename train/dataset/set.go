package dataset

import "sgdwalk/record"

// Set holds examples of one shape.
type Set struct {
	Height, Width, Channels int
	Classes                 int
	Inputs                  []float32 // Len()*Height*Width*Channels values, channels last
	Labels                  []int32   // one per example, in [0, Classes)
}

// Len returns the number of examples.
func (s Set) Len() int { return len(s.Labels) }

// Size returns the number of values of one example.
func (s Set) Size() int { return s.Height * s.Width * s.Channels }

// Example returns the values of example i, without copying them. The capacity ends
// with the example. An index out of range panics.
func (s Set) Example(i int) []float32 {
	size := s.Size()
	return s.Inputs[i*size : (i+1)*size : (i+1)*size]
}

// Subset returns the examples from index from to index to-1, without copying them.
// Indices out of range panic.
func (s Set) Subset(from, to int) Set {
	size := s.Size()
	s.Inputs = s.Inputs[from*size : to*size : to*size]
	s.Labels = s.Labels[from:to:to]
	return s
}

// Gather copies the examples with the given indices, in that order, to the start
// of the caller's inputs and labels. These must have at least
// len(indices)*set.Size() and len(indices) elements. An index out of range or a
// short buffer is a bug of the caller and panics. Gather does not allocate.
func Gather(set Set, indices []int, inputs []float32, labels []int32) {
	size := set.Size()
	inputs, labels = inputs[:len(indices)*size], labels[:len(indices)]
	for k, i := range indices {
		copy(inputs[k*size:(k+1)*size], set.Example(i))
		labels[k] = set.Labels[i]
	}
}

// Data is an opened data set.
type Data struct {
	Spec    string       // has every option that is not the default; Open(Spec, Options{}) returns the same
	Train   Set          // training set
	Test    Set          // held-out set, of the same shape as Train; may be empty
	Augment Augmentation // applied to training batches; the sets themselves are never augmented
	Hash    string       // "sha256:..." of shapes, labels and inputs of both sets
	Split   string       // says in words which examples train and which are held out
	Scaling string       // how a stored pixel becomes an input, for example "pixel/255"
}

// Header returns the description that a recording stores.
func (d *Data) Header() record.Data {
	return record.Data{
		Spec: d.Spec, Hash: d.Hash,
		TrainExamples: d.Train.Len(), TestExamples: d.Test.Len(),
		Height: d.Train.Height, Width: d.Train.Width, Channels: d.Train.Channels, Classes: d.Train.Classes,
		Split: d.Split, Scaling: d.Scaling,
	}
}
