package exchange

import (
	"math"
	"slices"
	"strings"
)

// constructors build the values of known classes and functions. A constructor that does not
// understand its arguments returns nil, and the value is opaque.
var constructors = map[global]func(*unpickler, []any) any{
	"collections.OrderedDict": makeDict,
	"builtins.dict":           makeDict,
	"__builtin__.dict":        makeDict,
	"collections.defaultdict": func(*unpickler, []any) any { return &dict{} }, // its argument is a class

	"builtins.list":         makeList("list"),
	"builtins.tuple":        makeList("tuple"),
	"builtins.set":          makeList("set"),
	"builtins.frozenset":    makeList("frozenset"),
	"__builtin__.list":      makeList("list"),
	"__builtin__.tuple":     makeList("tuple"),
	"__builtin__.set":       makeList("set"),
	"__builtin__.frozenset": makeList("frozenset"),
	"torch.Size":            makeList("tuple"),

	"_codecs.encode":                             makeBytes,
	"numpy.dtype":                                makeNumpyType,
	"numpy.core.multiarray.scalar":               makeNumpyScalar,
	"numpy._core.multiarray.scalar":              makeNumpyScalar,
	"numpy.core.multiarray._reconstruct":         nameOfClass, // an array
	"numpy._core.multiarray._reconstruct":        nameOfClass,
	"copyreg._reconstructor":                     nameOfClass,
	"copy_reg._reconstructor":                    nameOfClass,
	"torch._tensor._rebuild_from_type_v2":        makeTensorOfType,
	"torch._utils._rebuild_wrapper_subclass":     nameOfClass,
	"torch._utils._rebuild_tensor":               makeTensor,
	"torch._utils._rebuild_tensor_v2":            makeTensor,
	"torch._utils._rebuild_tensor_v3":            makeTensor,
	"torch._utils._rebuild_parameter":            firstArgument,
	"torch._utils._rebuild_parameter_with_state": firstArgument,
}

// construct pushes the value that a call of a class or function would return.
func (u *unpickler) construct(callee, args any) {
	name, ok := callee.(global)
	if !ok { // the callee is opaque, or cannot be called
		u.push(&opaque{classOf(callee)})
		return
	}
	var v any
	if l, ok := args.(*list); ok && constructors[name] != nil {
		v = constructors[name](u, l.items)
	}
	if v == nil {
		v = &opaque{string(name)}
	}
	u.push(v)
}

// setState replaces __setstate__. Only the state of numpy's types matters: their byte
// order.
func (u *unpickler) setState(v, state any) {
	t, ok := v.(*numpyType)
	l, alright := state.(*list)
	if ok && alright && len(l.items) > 1 {
		if order, ok := l.items[1].(string); ok {
			t.order = order
		}
	}
}

// persistent pushes the storage for an identifier of torch.save:
// ("storage", class, key, location, number of elements).
func (u *unpickler) persistent(id any) {
	if l, ok := id.(*list); ok && len(l.items) >= 5 && l.items[0] == "storage" {
		class, isClass := l.items[1].(global)
		key, isText := l.items[2].(string)
		length, isInt := l.items[4].(int64)
		if isClass && isText && isInt {
			u.push(&storage{class: class, key: key, length: length})
			return
		}
	}
	u.push(&opaque{"an unknown persistent identifier"})
}

// makeDict builds a dict from nothing or from a list of pairs, as OrderedDict is pickled.
func makeDict(u *unpickler, args []any) any {
	d := &dict{}
	if len(args) == 0 {
		return d
	}
	pairs, ok := args[0].(*list)
	if !ok {
		return nil
	}
	for _, p := range pairs.items {
		pair, ok := p.(*list)
		if !ok || len(pair.items) != 2 {
			return nil
		}
		d.set(pair.items[0], pair.items[1])
	}
	u.countValues(len(d.items))
	return d
}

// makeList returns a constructor for a class of lists.
func makeList(class string) func(*unpickler, []any) any {
	return func(_ *unpickler, args []any) any {
		if len(args) == 0 {
			return &list{class: class}
		}
		if l, ok := args[0].(*list); ok {
			return &list{class, l.items[:len(l.items):len(l.items)]} // so that appending does not change the original
		}
		return nil
	}
}

// makeBytes converts the bytes of protocol 2, which writes them as a string with the same
// code points.
func makeBytes(_ *unpickler, args []any) any {
	if len(args) != 2 || args[1] != "latin1" {
		return nil
	}
	text, ok := args[0].(string)
	if !ok {
		return nil
	}
	b := make([]byte, 0, len(text))
	for _, r := range text {
		if r > math.MaxUint8 {
			return nil
		}
		b = append(b, byte(r))
	}
	return pybytes(b)
}

// nameOfClass returns an opaque value with the class in the first argument.
func nameOfClass(_ *unpickler, args []any) any {
	if len(args) == 0 {
		return nil
	}
	return &opaque{classOf(args[0])}
}

// classOf returns the name of the class that a value is or has, for messages.
func classOf(v any) string {
	switch v := v.(type) {
	case global:
		return string(v)
	case *opaque:
		return v.class
	}
	return "an unknown class"
}

// firstArgument returns the wrapped tensor of a Parameter, whose other arguments do not matter.
func firstArgument(_ *unpickler, args []any) any {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}

// numpyType is a numpy.dtype.
type numpyType struct{ name, order string }

// makeNumpyType builds a numpy.dtype. Its byte order comes later, with its state.
func makeNumpyType(_ *unpickler, args []any) any {
	if len(args) > 0 {
		if name, ok := args[0].(string); ok {
			return &numpyType{name, "<"}
		}
	}
	return nil
}

// makeNumpyScalar converts a numpy scalar, such as a step that numpy counted, to a number.
func makeNumpyScalar(_ *unpickler, args []any) any {
	if len(args) != 2 {
		return nil
	}
	t, ok := args[0].(*numpyType)
	b, alright := args[1].(pybytes)
	if !ok || !alright {
		return nil
	}
	e := npyElement(t.order + t.name)
	if e.width != len(b) {
		return nil
	}
	switch {
	case e.isInt() && (e.class == signed || e.width < 8):
		return e.int64At([]byte(b))
	case e.isFloat():
		return e.float64At([]byte(b))
	case e.class == boolean:
		return b[0] != 0
	}
	return nil
}

// storage is an entry of a torch archive with the elements of one or more tensors.
type storage struct {
	class  global // for example torch.FloatStorage
	key    string // its entry is data/KEY
	length int64  // number of elements
}

// ptTensor is a tensor: a view of elements of a storage.
type ptTensor struct {
	storage       *storage
	element       element
	offset        int64
	shape, stride []int
}

// makeTensor builds a tensor from storage, offset, shape and strides. In version 3 the
// arguments also have the type, because the storage has none. A conjugate or negated view
// has other values than its storage, so it is opaque.
func makeTensor(_ *unpickler, args []any) any {
	if len(args) < 4 {
		return nil
	}
	t := &ptTensor{}
	var ok [4]bool
	t.storage, ok[0] = args[0].(*storage)
	t.offset, ok[1] = args[1].(int64)
	t.shape, ok[2] = wholeNumbers(args[2])
	t.stride, ok[3] = wholeNumbers(args[3])
	if ok != [4]bool{true, true, true, true} || len(t.shape) != len(t.stride) {
		return nil
	}
	t.element = storageElement(t.storage.class)
	views := 6 // index of the argument with the flags of conjugate and negated views
	if len(args) > 6 {
		if dtype, ok := args[6].(global); ok {
			t.element, views = torchElement(dtype), 7
		}
	}
	if len(args) > views {
		if d, ok := args[views].(*dict); args[views] != nil && (!ok || len(d.items) > 0) {
			return &opaque{"a conjugate or negated view"}
		}
	}
	return t
}

// makeTensorOfType builds a plain tensor or parameter with attributes. A subclass is opaque,
// because it may have other values than its storage.
func makeTensorOfType(u *unpickler, args []any) any {
	if len(args) < 3 {
		return nil
	}
	inner, ok := args[2].(*list)
	isPlain := slices.Contains([]string{
		"torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter",
		"torch.nn.parameter.Buffer",
	}, classOf(args[1]))
	switch {
	case !isPlain:
		return &opaque{classOf(args[1])}
	case ok && strings.HasPrefix(classOf(args[0]), "torch._utils._rebuild_tensor"):
		return makeTensor(u, inner.items)
	}
	return nil
}

// wholeNumbers returns the elements of a tuple of whole numbers.
func wholeNumbers(v any) ([]int, bool) {
	l, ok := v.(*list)
	if !ok || len(l.items) > maxDims {
		return nil, false
	}
	out := make([]int, 0, len(l.items))
	for _, x := range l.items {
		n, ok := x.(int64)
		if !ok || n < 0 {
			return nil, false
		}
		out = append(out, int(n))
	}
	return out, true
}
