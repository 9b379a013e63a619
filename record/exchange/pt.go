package exchange

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/nlpodyssey/gopickle/pytorch"
	"github.com/nlpodyssey/gopickle/types"

	"sgdwalk/record/half"
)

// stateDictKeys are where a checkpoint with more than a state dict in it is wont to
// have that.
var stateDictKeys = []string{"state_dict", "model_state_dict", "model", "net", "network", "module"}

// topKey, as the key of a state dict, names the dict that the file holds itself.
const topKey = "."

// readPT reads a state dict that torch.save wrote, alone or in a dict under c.key or
// one of stateDictKeys. Of a pickle only tensors, numbers, texts and containers are
// built; nothing in it is executed. The file is in memory until the container is
// closed.
func readPT(c *container, size int64) (err error) {
	if err := wholeZip(c.file, size); err != nil {
		return err
	}
	// The pickle module is written for files that are in order.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it is no state dict that can be read: %v", r)
		}
	}()
	value, err := pytorch.LoadWithUnpickler(c.path, newUnpickler)
	if err != nil {
		return fmt.Errorf("it is no state dict that can be read: %s", strings.ReplaceAll(err.Error(), "\n", " "))
	}
	items, ok := itemsOf(value)
	if !ok {
		return fmt.Errorf("it holds %s; what is read is a state dict, as torch.save(model.state_dict(), FILE) writes it", described(value))
	}
	c.metadata = numbersOf(items)
	key, items, err := stateDict(items, c.key)
	if err != nil {
		return err
	}
	if key != topKey {
		c.note("the tensors are those of the dict's key %q", key)
	}
	return c.addTensors(items)
}

// addTensors makes arrays of the tensors of a state dict. What is no tensor is left
// out, and of what may be one in a form that is not known, such as a sparse or a
// quantized one, there is a note.
func (c *container) addTensors(items []item) error {
	type place struct {
		storage any
		view    string
	}
	seen := map[place]string{}
	for _, it := range items {
		t, ok := it.value.(*pytorch.Tensor)
		if !ok {
			if o, unknown := it.value.(*opaque); unknown {
				c.note("%q is left out: %s makes it, and tensors of that kind are not read", it.key, o.name)
			}
			continue
		}
		a, err := ptArray(it.key, t)
		if err != nil {
			return err
		}
		at := place{t.Source, fmt.Sprint(t.StorageOffset, t.Size, t.Stride)}
		if first, again := seen[at]; again {
			a.same = first
		} else {
			seen[at] = it.key
		}
		c.arrays = append(c.arrays, a)
	}
	if len(c.arrays) == 0 {
		return fmt.Errorf("its dict has no tensor; it has %s", keysOf(items))
	}
	return nil
}

// described says what was saved instead of a dict.
func described(value any) string {
	switch v := value.(type) {
	case *opaque:
		return "an object of the class " + v.name
	case *types.List:
		return "a list"
	case *types.Tuple:
		return "a tuple"
	case *pytorch.Tensor:
		return "a single tensor"
	}
	return fmt.Sprintf("a %T", value)
}

// wholeZip reads every entry to its end, where its checksum is compared: the pickle
// module does not, and a damaged pickle can keep it busy for ever. Files in the form
// from before PyTorch 1.6, which has no checksums, are refused for that reason.
func wholeZip(file io.ReaderAt, size int64) error {
	z, err := zip.NewReader(file, size)
	if err != nil {
		return fmt.Errorf("it is no zip archive, as torch.save writes from PyTorch 1.6 on (%w): it is damaged, or to be saved again with a newer PyTorch", err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err == nil {
			_, err = io.Copy(io.Discard, r)
			err = errors.Join(err, r.Close())
		}
		if err != nil {
			return fmt.Errorf("its entry %q is damaged: %w", f.Name, err)
		}
	}
	return nil
}

// item is an entry of a dict.
type item struct {
	key   string
	value any
}

// itemsOf returns the entries of a dict whose keys are texts, in their order.
func itemsOf(value any) (out []item, ok bool) {
	switch d := value.(type) {
	case *types.OrderedDict:
		for e := d.List.Front(); e != nil; e = e.Next() {
			if entry, ok := e.Value.(*types.OrderedDictEntry); ok {
				if key, ok := entry.Key.(string); ok {
					out = append(out, item{key, entry.Value})
				}
			}
		}
		return out, true
	case *types.Dict:
		for _, entry := range *d {
			if key, ok := entry.Key.(string); ok {
				out = append(out, item{key, entry.Value})
			}
		}
		return out, true
	}
	return nil, false
}

// stateDict finds the dict of tensors in a checkpoint: the one of that key if it is
// given, else the one under a key that is known for it, else the only one there is.
func stateDict(items []item, key string) (string, []item, error) {
	dicts, names := map[string][]item{}, []string{} // of tensors, and their keys
	for _, it := range items {
		if inner, ok := itemsOf(it.value); ok && hasTensor(inner) {
			if _, again := dicts[it.key]; !again {
				names = append(names, it.key)
			}
			dicts[it.key] = inner
		}
	}
	if hasTensor(items) {
		dicts[topKey] = items
	}
	if key != "" {
		if found, ok := dicts[key]; ok {
			return key, found, nil
		}
		return "", nil, fmt.Errorf("it has no dict of tensors under the key %q; it has %s", key, keysOf(items))
	}
	var known []string
	for _, k := range stateDictKeys {
		if _, ok := dicts[k]; ok {
			known = append(known, k)
		}
	}
	switch {
	case len(known) == 1: // above tensors beside it, such as a loss
		return known[0], dicts[known[0]], nil
	case len(known) > 1:
		names = known
	case len(names) == 0 && dicts[topKey] != nil:
		return topKey, items, nil
	case len(names) == 1 && dicts[topKey] == nil:
		return names[0], dicts[names[0]], nil
	case len(names) == 0:
		return "", nil, fmt.Errorf("its dict has no tensor, alone or under a key; it has %s", keysOf(items))
	}
	if dicts[topKey] != nil {
		names = append(names, topKey)
	}
	return "", nil, fmt.Errorf("it has several dicts of tensors; the option key (--key) says which is the model's: %s", quoted(names))
}

func hasTensor(items []item) bool {
	return slices.ContainsFunc(items, func(it item) bool { _, ok := it.value.(*pytorch.Tensor); return ok })
}

// numbersOf returns what a checkpoint says of its step and epoch.
func numbersOf(items []item) map[string]string {
	out := make(map[string]string)
	for _, it := range items {
		v, ok := it.value.(int)
		if !ok {
			continue
		}
		switch it.key {
		case "step", "global_step", "iteration":
			out[metaStep] = fmt.Sprint(v)
		case "epoch":
			out[metaEpoch] = fmt.Sprint(v)
		}
	}
	return out
}

func keysOf(items []item) string {
	var keys []string
	for _, it := range items {
		keys = append(keys, it.key)
	}
	return quoted(keys)
}

// quoted lists the first of some names.
func quoted(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	var out []string
	for _, name := range names {
		if len(out) == 8 {
			out = append(out, "...")
			break
		}
		out = append(out, fmt.Sprintf("%q", name))
	}
	return strings.Join(out, ", ")
}

// ptArray makes an array of a tensor: its elements in row-major order, whatever
// its strides are.
func ptArray(name string, t *pytorch.Tensor) (array, error) {
	e, length, write := storageOf(t.Source)
	a := array{name: name, element: e, shape: append([]int{}, t.Size...)}
	n, ok := payloadBytes(a.shape, e.width)
	if !ok || len(t.Stride) != len(t.Size) {
		return a, fmt.Errorf("tensor %q has shape %v and strides %v", name, t.Size, t.Stride)
	}
	if n > 0 {
		low, high := t.StorageOffset, t.StorageOffset
		for i, d := range t.Size {
			if s := t.Stride[i]; s < 0 || s > 0 && d-1 > (math.MaxInt32*64)/s {
				return a, fmt.Errorf("tensor %q has shape %v and strides %v", name, t.Size, t.Stride)
			}
			high += (d - 1) * t.Stride[i]
		}
		if low < 0 || high >= length {
			return a, fmt.Errorf("tensor %q of shape %v takes elements %d to %d of a storage that has %d", name, t.Size, low, high, length)
		}
		// An expanded tensor repeats elements: it is not larger than what it repeats
		// for no reason.
		if int64(a.length()) > maxInflation*int64(length) {
			return a, fmt.Errorf("tensor %q of shape %v repeats a storage of %d elements", name, t.Size, length)
		}
	}
	a.open = func() (io.ReadCloser, error) {
		b := make([]byte, 0, n)
		for at := range places(t) {
			b = write(b, at)
		}
		return io.NopCloser(bytes.NewReader(b)), nil
	}
	return a, nil
}

// places yields the places of a tensor's elements in its storage, the last index
// fastest.
func places(t *pytorch.Tensor) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		index := make([]int, len(t.Size))
		for _, d := range t.Size {
			if d == 0 {
				return
			}
		}
		at := t.StorageOffset
		for {
			if !yield(at) {
				return
			}
			i := len(index) - 1
			for ; i >= 0; i-- {
				index[i]++
				at += t.Stride[i]
				if index[i] < t.Size[i] {
					break
				}
				at -= t.Size[i] * t.Stride[i]
				index[i] = 0
			}
			if i < 0 {
				return
			}
		}
	}
}

// storageOf returns the type of a storage, its length and how one of its elements
// is written, little-endian.
func storageOf(s any) (e element, length int, write func(b []byte, at int) []byte) {
	le := binary.LittleEndian
	switch s := s.(type) {
	case *pytorch.FloatStorage:
		return safetensorsElements["F32"], len(s.Data), func(b []byte, at int) []byte { return le.AppendUint32(b, math.Float32bits(s.Data[at])) }
	case *pytorch.DoubleStorage:
		return safetensorsElements["F64"], len(s.Data), func(b []byte, at int) []byte { return le.AppendUint64(b, math.Float64bits(s.Data[at])) }
	case *pytorch.HalfStorage:
		return safetensorsElements["F16"], len(s.Data), func(b []byte, at int) []byte { return le.AppendUint16(b, half.ToFloat16(s.Data[at])) }
	case *pytorch.BFloat16Storage:
		return safetensorsElements["BF16"], len(s.Data), func(b []byte, at int) []byte { return le.AppendUint16(b, half.ToBFloat16(s.Data[at])) }
	case *pytorch.LongStorage:
		return safetensorsElements["I64"], len(s.Data), func(b []byte, at int) []byte { return le.AppendUint64(b, uint64(s.Data[at])) }
	case *pytorch.IntStorage:
		return safetensorsElements["I32"], len(s.Data), func(b []byte, at int) []byte { return le.AppendUint32(b, uint32(s.Data[at])) }
	case *pytorch.ShortStorage:
		return safetensorsElements["I16"], len(s.Data), func(b []byte, at int) []byte { return le.AppendUint16(b, uint16(s.Data[at])) }
	case *pytorch.CharStorage:
		return safetensorsElements["I8"], len(s.Data), func(b []byte, at int) []byte { return append(b, byte(s.Data[at])) }
	case *pytorch.ByteStorage:
		return safetensorsElements["U8"], len(s.Data), func(b []byte, at int) []byte { return append(b, s.Data[at]) }
	case *pytorch.BoolStorage:
		return safetensorsElements["BOOL"], len(s.Data), func(b []byte, at int) []byte {
			if s.Data[at] {
				return append(b, 1)
			}
			return append(b, 0)
		}
	}
	panic(fmt.Sprintf("unknown storage %T", s))
}
