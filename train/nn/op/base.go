package op

import (
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// base is the part of Gorgonia's Op interface that is the same for all ops here.
type base struct {
	batch *Batch
	name  string
	id    uint64       // unique in the graph
	args  []int        // number of axes of each input, 0 for a scalar
	shape tensor.Shape // of the result
}

func newBase(b *Batch, name string, shape tensor.Shape, inputs ...*G.Node) base {
	args := make([]int, len(inputs))
	for i, n := range inputs {
		args[i] = n.Dims()
	}
	return base{batch: b, name: name, id: b.next(), args: args, shape: shape}
}

func (o *base) Arity() int           { return len(o.args) }
func (o *base) ReturnsPtr() bool     { return false }
func (o *base) CallsExtern() bool    { return false }
func (o *base) OverwritesInput() int { return -1 }
func (o *base) String() string       { return fmt.Sprintf("%s#%d", o.name, o.id) }

// Type is the function type that Gorgonia infers with: every argument and the
// result have one element type.
func (o *base) Type() hm.Type {
	a := hm.TypeVariable('a')
	types := make([]hm.Type, 0, len(o.args)+1)
	for _, dims := range append(append([]int(nil), o.args...), o.shape.Dims()) {
		if dims == 0 {
			types = append(types, a)
			continue
		}
		types = append(types, G.TensorType{Dims: dims, Of: a})
	}
	return hm.NewFnType(types...)
}

func (o *base) InferShape(...G.DimSizer) (tensor.Shape, error) { return o.shape.Clone(), nil }

// WriteHash writes the instance, not the kind of op: see Batch.next.
func (o *base) WriteHash(h hash.Hash) {
	h.Write([]byte(o.name))
	h.Write(binary.LittleEndian.AppendUint64(nil, o.id))
}

func (o *base) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// guard turns a panic of Do into an error. It is deferred.
func (o *base) guard(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("op: %s: %v", o, p)
	}
}

// newTensor returns a zero tensor and its elements.
func newTensor[T Float](shape ...int) (*tensor.Dense, []T) {
	n := 1
	for _, d := range shape {
		n *= d
	}
	data := make([]T, n)
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data)), data
}

// elements returns the elements of a tensor value, which the value keeps owning.
// It does not use Data, which allocates, a few hundred times a step. It panics
// when the value is not a dense tensor of that element type.
func elements[T Float](v G.Value) []T {
	d := v.(*tensor.Dense)
	var result []T
	switch to := any(&result).(type) {
	case *[]float32:
		mustBe(d, tensor.Float32) // the accessors do not look
		*to = d.Float32s()
	case *[]float64:
		mustBe(d, tensor.Float64)
		*to = d.Float64s()
	}
	return result
}

func mustBe(d *tensor.Dense, want tensor.Dtype) {
	if d.Dtype() != want {
		panic(fmt.Sprintf("tensor of %v, wanted %v", d.Dtype(), want))
	}
}

// scalar returns the number of a scalar value.
func scalar[T Float](v G.Value) T {
	switch x := v.Data().(type) {
	case T:
		return x
	case []T:
		return x[0]
	default:
		panic(fmt.Sprintf("scalar of type %T", x))
	}
}
