package exchange

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// maxSafetensorsHeader is the limit of the format.
const maxSafetensorsHeader = 100_000_000

// safetensorsInfo is the entry of a tensor in the header.
type safetensorsInfo struct {
	DType   string    `json:"dtype"`
	Shape   []int     `json:"shape"`
	Offsets *[2]int64 `json:"data_offsets"`
}

// readSafetensors reads the header of a safetensors file.
func readSafetensors(c *container, size int64) error {
	var start [8]byte
	if _, err := c.file.ReadAt(start[:], 0); err != nil {
		return fmt.Errorf("the safetensors header is cut off: %w", unexpected(err))
	}
	n := binary.LittleEndian.Uint64(start[:]) // a claim of the file, compared before it is used
	if n > maxSafetensorsHeader || int64(n) > size-8 {
		return fmt.Errorf("the safetensors header claims %d bytes; the file has %d", n, size)
	}
	text := make([]byte, n)
	if _, err := c.file.ReadAt(text, 8); err != nil {
		return fmt.Errorf("the safetensors header is cut off: %w", unexpected(err))
	}
	tensors, err := c.parseSafetensors(text)
	if err != nil {
		return fmt.Errorf("the safetensors header is wrong: %w", err)
	}
	if err := c.safetensorsArrays(tensors, int64(n)+8, size); err != nil {
		return err
	}
	c.addAliases()
	return nil
}

// parseSafetensors reads the JSON object of the header, token by token, because decoding
// into a map would hide a name that comes twice.
func (c *container) parseSafetensors(text []byte) (map[string]safetensorsInfo, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("it is not a JSON object")
	}
	tensors := map[string]safetensorsInfo{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, unexpected(err)
		}
		name, _ := key.(string)
		if name == "__metadata__" {
			if err := d.Decode(&c.metadata); err != nil {
				return nil, fmt.Errorf("its metadata must be strings: %w", unexpected(err))
			}
			continue
		}
		var info safetensorsInfo
		if err := d.Decode(&info); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, unexpected(err))
		}
		if _, twice := tensors[name]; twice {
			return nil, fmt.Errorf("tensor %q comes twice", name)
		}
		if info.Offsets == nil || info.DType == "" ||
			slices.ContainsFunc(info.Shape, func(n int) bool { return n < 0 }) {
			return nil, fmt.Errorf("tensor %q has type %q and shape %d; a type, a shape of numbers of at least 0 and "+
				"data_offsets are required", name, info.DType, info.Shape)
		}
		tensors[name] = info
	}
	if _, err := d.Token(); err != nil {
		return nil, unexpected(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is text after its JSON object")
	}
	return tensors, nil
}

// safetensorsArrays makes arrays of the tensors in a header, in the order of their values
// in the file. The values must fill the file after the header without gaps.
func (c *container) safetensorsArrays(tensors map[string]safetensorsInfo, payload, size int64) error {
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		info := tensors[name]
		e := elementNamed(cmp.Or(safetensorsNames[info.DType], info.DType))
		known := e.class != unsupported
		a := array{name: name, element: e, shape: append([]int{}, info.Shape...)}
		from, to := info.Offsets[0], info.Offsets[1]
		want, ok := payloadBytes(a.shape, e.width)
		if from < 0 || to < from || known && (!ok || to-from != want) {
			return fmt.Errorf("tensor %q of shape %v and type %s has bytes %d to %d", name, a.shape, e.name, from, to)
		}
		a.from = payload + from
		a.open = func() (io.ReadCloser, error) {
			return io.NopCloser(io.NewSectionReader(c.file, payload+from, want)), nil
		}
		c.arrays = append(c.arrays, a)
	}
	place := func(a array) [2]int64 { return *tensors[a.name].Offsets }
	// empty tensors share a place and stay in the order of their names
	slices.SortStableFunc(c.arrays, func(a, b array) int {
		p, q := place(a), place(b)
		return cmp.Or(cmp.Compare(p[0], q[0]), cmp.Compare(p[1], q[1]))
	})
	next := int64(0)
	for _, a := range c.arrays {
		p := place(a)
		if p[0] != next {
			return fmt.Errorf("tensor %q begins at byte %d of the values, but the tensors before it end at %d", a.name,
				p[0], next)
		}
		next = p[1]
	}
	if have := size - payload; next != have {
		return fmt.Errorf("the tensors have %d bytes, but the file has %d bytes of values", next, have)
	}
	return nil
}

// addAliases adds the tied tensors that safetensors.torch.save_model left out. The metadata
// has their names, each with the name of the tensor that has the values.
func (c *container) addAliases() {
	index := map[string]int{}
	for i, a := range c.arrays {
		index[a.name] = i
	}
	for _, name := range slices.Sorted(maps.Keys(c.metadata)) {
		i, isKept := index[c.metadata[name]]
		if _, exists := index[name]; !isKept || exists || name == "" {
			continue
		}
		alias := c.arrays[i]
		alias.name, alias.tiedTo = name, alias.name
		c.arrays = append(c.arrays, alias)
	}
}
