package exchange

import (
	"archive/zip"
	"cmp"
	"fmt"
	"io"
	"math"
	"strings"
)

// storageTypes are the element types of PyTorch's storage classes.
var storageTypes = map[string]string{
	"DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
	"LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
	"ByteStorage": "uint8",
	"BoolStorage": "bool", "UntypedStorage": "uint8", "ComplexFloatStorage": "complex64",
	"ComplexDoubleStorage": "complex128",
}

// torchElement returns the type that a name such as torch.float8_e5m2 means.
func torchElement(dtype global) element {
	return elementNamed(strings.TrimPrefix(string(dtype), "torch."))
}

// storageElement returns the type of the elements of a storage class.
func storageElement(class global) element {
	name := string(class)[strings.LastIndexByte(string(class), '.')+1:]
	return elementNamed(cmp.Or(storageTypes[name], name))
}

// addTensors makes arrays of the tensors of a state dict. It leaves out other values. It
// adds a note for values that may be tensors in an unknown form, such as sparse ones.
func (c *container) addTensors(t *torchArchive, d *dict) error {
	seen := map[string]string{}
	elements := int64(0)
	for _, it := range d.items {
		tensor, ok := it.value.(*ptTensor)
		if !ok {
			c.noteLeftOut(it)
			continue
		}
		a, reason, err := t.array(it.key, tensor)
		if err != nil {
			return err
		}
		view := fmt.Sprintf("%q", []any{
			tensor.storage.key, tensor.element.name, tensor.offset, tensor.shape,
			tensor.stride,
		})
		if first, again := seen[view]; again && reason == "" {
			a.tiedTo = first
		} else if reason == "" && a.element.class != unsupported {
			// Views may repeat elements of the file, but not without limit.
			if elements += int64(a.length()); elements > maxInflation*t.size+maxRepeated {
				reason = "the tensors before it already repeat the values of the file too often"
			} else {
				seen[view] = it.key
			}
		}
		if reason != "" {
			c.note("tensor %q of shape %v is left out: %s", it.key, tensor.shape, reason)
			continue
		}
		c.arrays = append(c.arrays, a)
	}
	return nil
}

// noteLeftOut adds a note about a value that may contain tensors. Numbers and strings need
// no note.
func (c *container) noteLeftOut(it item) {
	switch v := it.value.(type) {
	case *opaque:
		c.note("%q is left out: it is made by %s, which is not supported", it.key, v.class)
	case *dict:
		if len(v.items) > 0 {
			c.note("%q is left out: it is a dict inside the state dict", it.key)
		}
	case *list:
		if len(v.items) > 0 {
			c.note("%q is left out: it is a %s, not a tensor", it.key, v.class)
		}
	}
}

// maxRepeated is the number of elements that views may have for a file of any size.
const maxRepeated = 1 << 22

// array makes an array of a tensor, with its elements in row-major order for any strides.
// It returns a reason when the tensor cannot be read and others still can.
func (t *torchArchive) array(name string, tensor *ptTensor) (a array, reason string, err error) {
	a = array{name: name, element: tensor.element, shape: tensor.shape}
	if a.element.class == unsupported {
		return a, "", nil
	}
	a.element.big = t.big
	s, e := tensor.storage, a.element
	fail := func(format string, args ...any) (array, string, error) {
		return a, "", fmt.Errorf("tensor %q of shape %v: "+format, append([]any{name, tensor.shape}, args...)...)
	}
	if n, ok := payloadBytes(a.shape, e.width); !ok || n/int64(e.width) > math.MaxInt32 {
		return fail("it has too many elements")
	}
	if a.length() == 0 {
		a.open = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil }
		return a, "", nil
	}
	f, err := t.entry("data/" + s.key)
	if err != nil {
		return fail("%w", err)
	}
	strides, span := stridesOf(tensor.shape, tensor.stride)
	if have := int64(f.UncompressedSize64) / int64(e.width); tensor.offset < 0 || span > have-tensor.offset {
		return fail("it uses elements %d to %d of a storage that has %d", tensor.offset, tensor.offset+span-1, have)
	}
	from := tensor.offset * int64(e.width)
	a.strides, a.from, a.entry = strides, from, f
	a.open = func() (io.ReadCloser, error) { return t.open(f, from, span*int64(e.width)) }
	return a, "", nil
}

// open opens n bytes of an entry. The checksum belongs to the whole entry, so an entry that
// is read only in part is verified first.
func (t *torchArchive) open(f *zip.File, from, n int64) (io.ReadCloser, error) {
	if from == 0 && uint64(n) == f.UncompressedSize64 {
		return f.Open()
	}
	if err := t.verify(f); err != nil {
		return nil, err
	}
	at, err := f.DataOffset()
	if err != nil {
		return nil, damagedEntry(f, err)
	}
	return io.NopCloser(io.NewSectionReader(t.file, at+from, n)), nil
}
