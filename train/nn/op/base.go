package op

import (
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"
	"slices"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// base implements the part of Gorgonia's Op interface that is the same for all ops
// here.
type base struct {
	batch *Batch
	name  string
	id    uint64       // unique in the graph
	args  []int        // number of axes of each input, 0 for a scalar
	shape tensor.Shape // of the result
}

// newBase returns the base of an op with the given result and inputs.
func newBase(b *Batch, name string, shape tensor.Shape, inputs ...*G.Node) base {
	args := make([]int, len(inputs))
	for i, n := range inputs {
		args[i] = n.Dims()
	}
	return base{batch: b, name: name, id: b.nextID(), args: args, shape: shape}
}

func (o *base) Arity() int           { return len(o.args) }
func (o *base) ReturnsPtr() bool     { return false }
func (o *base) CallsExtern() bool    { return false }
func (o *base) OverwritesInput() int { return -1 }
func (o *base) String() string       { return fmt.Sprintf("%s#%d", o.name, o.id) }

// DiffWRT says that every input has a gradient. Ops that differ have their own
// method.
func (o *base) DiffWRT(inputs int) []bool { return slices.Repeat([]bool{true}, inputs) }

// Type returns the function type for Gorgonia's type inference: all arguments and
// the result have the same element type.
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

// WriteHash hashes the instance, not the kind of op; see Batch.nextID.
func (o *base) WriteHash(h hash.Hash) {
	h.Write([]byte(o.name))
	h.Write(binary.LittleEndian.AppendUint64(nil, o.id))
}

func (o *base) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// recoverError turns a panic into an error. Do defers it, because the TapeMachine
// runs ops in its own goroutine, where a panic would end the program.
func (o *base) recoverError(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("op: %s: %v", o, p)
	}
}

// newTensor allocates a tensor of zeros and returns it with its elements.
func newTensor[T Float](shape ...int) (*tensor.Dense, []T) {
	n := 1
	for _, d := range shape {
		n *= d
	}
	data := make([]T, n)
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data)), data
}

// elements returns the elements of a tensor value, without copying them. It
// avoids the method Data, which allocates: a step has a few hundred of these
// calls. A value that is not a dense tensor of this element type panics.
func elements[T Float](v G.Value) []T {
	d := v.(*tensor.Dense)
	var result []T
	switch to := any(&result).(type) {
	case *[]float32:
		checkType(d, tensor.Float32) // Float32s does not check
		*to = d.Float32s()
	case *[]float64:
		checkType(d, tensor.Float64)
		*to = d.Float64s()
	}
	return result
}

// checkType panics if a tensor has another element type, a bug of the caller.
func checkType(d *tensor.Dense, want tensor.Dtype) {
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
