package exchange

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// opened opens a torch archive of a value from memory.
func opened(t testing.TB, key string, file []byte) (*container, error) {
	t.Helper()
	return newContainer("a.pt", key, strings.NewReader(string(file)), int64(len(file)))
}

// valuesOf reads all floating-point tensors of a file.
func valuesOf(t testing.TB, c *container) map[string][]float32 {
	t.Helper()
	out := map[string][]float32{}
	for i := range c.arrays {
		a := &c.arrays[i]
		if !a.element.isFloat() {
			continue
		}
		out[a.name] = make([]float32, a.length())
		if err := c.floats(a, out[a.name]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

func eighths(n int, order binary.AppendByteOrder) string {
	var b []byte
	for i := range n {
		b = order.AppendUint32(b, math.Float32bits(float32(i)/8))
	}
	return string(b)
}

// TestTorchViews: the elements of a tensor are those that its offset, shape and
// strides choose, in either byte order.
func TestTorchViews(t *testing.T) {
	type view struct {
		offset        int
		shape, stride []int
	}
	for _, v := range []view{
		{0, []int{24}, []int{1}},
		{5, []int{3}, []int{1}},
		{0, []int{2, 3, 4}, []int{12, 4, 1}},
		{0, []int{4, 2, 3}, []int{1, 12, 4}},
		{1, []int{2, 2, 3}, []int{12, 8, 1}},
		{0, []int{3}, []int{8}},
		{2, []int{3, 5}, []int{1, 0}},
		{7, []int{2, 2}, []int{0, 0}},
		{0, []int{5, 4}, []int{2, 1}}, // elements that overlap
		{0, []int{4, 3}, []int{5, 2}}, // and out of order
		{3, []int{}, []int{}},
		{0, []int{1, 6, 1}, []int{99, 4, 7}},
	} {
		var want []float32
		index := make([]int, len(v.shape))
		for {
			at := v.offset
			for i := range index {
				at += index[i] * v.stride[i]
			}
			want = append(want, float32(at)/8)
			i := len(index) - 1
			for ; i >= 0; i-- {
				if index[i]++; index[i] < v.shape[i] {
					break
				}
				index[i] = 0
			}
			if i < 0 {
				break
			}
		}
		for name, order := range map[string]binary.AppendByteOrder{
			"little": binary.LittleEndian,
			"big":    binary.BigEndian,
		} {
			c, err := opened(t, "", torchZip(t,
				pairs{"w", torchTensor{"FloatStorage", "0", 24, v.offset, v.shape, v.stride, ""}}, "x/data/0",
				eighths(24, order), "x/byteorder", name))
			if err != nil {
				t.Fatal(err)
			}
			if got := valuesOf(t, c)["w"]; !slices.Equal(got, want) {
				t.Errorf("%v, %s: %v; want %v", v, name, got, want)
			}
		}
	}
}

// A view that goes through a storage of several windows with a stride, and one whose
// dimensions change places.
func TestTorchLargeViews(t *testing.T) {
	const n = 3 << 19
	file := torchZip(t, pairs{
		"column",
		torchTensor{"FloatStorage", "0", n, 1, []int{n / 1024}, []int{1024}, ""},
		"transposed",
		torchTensor{"FloatStorage", "0", n, 0, []int{1024, n / 1024}, []int{1, 1024}, ""},
	}, "x/data/0", eighths(n, binary.LittleEndian))
	c, err := opened(t, "", file)
	if err != nil {
		t.Fatal(err)
	}
	got := valuesOf(t, c)
	for i, v := range got["column"] {
		if v != float32(1+1024*i)/8 {
			t.Fatalf("column[%d] is %v", i, v)
		}
	}
	for i, v := range got["transposed"] {
		if want := float32(i/(n/1024)+1024*(i%(n/1024))) / 8; v != want {
			t.Fatalf("transposed[%d] is %v, want %v", i, v, want)
		}
	}
}

// A view of 100 numbers in a storage of 32 MB takes little memory.
func TestTorchMemory(t *testing.T) {
	const n = 8 << 20
	path := save(t, t.TempDir(), "ckpt.bin", torchZip(t, pairs{
		"view",
		torchTensor{"FloatStorage", "0", n, 4, []int{10, 10}, []int{10, 1}, ""},
		"column",
		torchTensor{"FloatStorage", "0", n, 0, []int{4}, []int{n / 4}, ""},
	}, "x/data/0", string(make([]byte, 4*n))))
	var err error
	if bytes := allocated(func() { _, _, err = load([]string{path}, ImportOptions{}) }); err != nil || bytes > 8<<20 {
		t.Errorf("%d bytes were allocated for 104 numbers; %v", bytes, err)
	}
}

// TestTorchTypes: every type is widened exactly, or left out by name.
func TestTorchTypes(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	negativeZero := float32(math.Copysign(0, -1))
	le := binary.LittleEndian
	for _, test := range []struct {
		class, dtype string
		data         []byte
		want         []float32
	}{
		{
			"HalfStorage", "", le.AppendUint16(le.AppendUint16(le.AppendUint16(nil, 1), 0x8000), 0x7c00),
			[]float32{0x1p-24, negativeZero, inf},
		},
		{"BFloat16Storage", "", []byte{0x80, 0x3f, 1, 0}, []float32{1, 0x1p-133}},
		{"DoubleStorage", "", doubles(1. / 3), []float32{float32(1. / 3)}},
		{
			"UntypedStorage", "float8_e4m3fn",
			[]byte{0, 1, 8, 0x38, 0x7e, 0x80},
			[]float32{0, 0x1p-9, 0x1p-6, 1, 448, negativeZero},
		},
		{
			"UntypedStorage", "float8_e5m2",
			[]byte{0, 1, 4, 0x3c, 0x7b, 0x7c, 0xfc},
			[]float32{0, 0x1p-16, 0x1p-14, 1, 57344, inf, -inf},
		},
		{"UntypedStorage", "float8_e4m3fnuz", []byte{1, 0x40, 0x7f, 0xff}, []float32{0x1p-10, 1, 240, -240}},
		{"UntypedStorage", "float8_e5m2fnuz", []byte{1, 0x40, 0x7f, 0xff}, []float32{0x1p-17, 1, 57344, -57344}},
		{
			"UntypedStorage", "float32", le.AppendUint32(nil, math.Float32bits(nan)|1),
			[]float32{math.Float32frombits(math.Float32bits(nan) | 1)},
		},
	} {
		x := vector(test.class, "0", len(test.want))
		x.dtype = test.dtype
		c, err := opened(t, "", torchZip(t, pairs{"w", x}, "x/data/0", string(test.data)))
		if err != nil {
			t.Fatal(err)
		}
		if got := valuesOf(t, c)["w"]; !sameBits(got, test.want) {
			t.Errorf("%s %s: %v, want %v", test.class, test.dtype, got, test.want)
		}
	}
	for c, bits := range map[class][]byte{
		float8E4M3: {0x7f, 0xff}, float8E5M2: {0x7d, 0xff}, float8E4M3FNUZ: {0x80},
		float8E5M2FNUZ: {0x80},
	} {
		for _, b := range bits {
			if v := float8Formats[c].value(b); !math.IsNaN(v) {
				t.Errorf("class %d, bits %x: %v", c, b, v)
			}
		}
	}
}

// All numbers of the 8-bit formats in safetensors, by the formula of IEEE 754.
func TestSafetensorsFloat8(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	header := `{"a":{"dtype":"F8_E4M3","shape":[256],"data_offsets":[0,256]},"b":{"dtype":"F8_E5M2","shape":[256],"data_offsets":[256,512]},` +
		`"c":{"dtype":"F4","shape":[2],"data_offsets":[512,513]},"d":{"dtype":"C64","shape":[1],"data_offsets":[513,521]}}`
	file := append(rawSafetensors(header, 0), slices.Concat(all, all, make([]byte, 9))...)
	c, err := opened(t, "", file)
	if err != nil {
		t.Fatal(err)
	}
	got := valuesOf(t, c)
	for i := range 256 {
		for name, f := range map[string]struct{ fraction, bias int }{"a": {3, 7}, "b": {2, 15}} {
			v := float64(got[name][i])
			exponent, fraction := i&0x7f>>f.fraction, float64(i&(1<<f.fraction-1))/math.Pow(2, float64(f.fraction))
			want := math.Pow(2, float64(exponent-f.bias)) * (1 + fraction)
			if exponent == 0 {
				want = math.Pow(2, float64(1-f.bias)) * fraction
			}
			switch {
			case name == "a" && i&0x7f == 0x7f, name == "b" && exponent == 31 && fraction > 0:
				want = math.NaN()
			case name == "b" && exponent == 31:
				want = math.Inf(1)
			}
			if i >= 128 {
				want = -want
			}
			if v != want && !(math.IsNaN(v) && math.IsNaN(want)) {
				t.Errorf("%s: bits %x are %v, want %v", name, i, v, want)
			}
		}
	}
	_, warnings := mustLoad(t, ImportOptions{}, save(t, t.TempDir(), "a.safetensors", file))
	if text := strings.Join(warnings, "\n"); !strings.Contains(text, `"c" of type F4 is left out`) ||
		!strings.Contains(text, `"d" of type C64 is left out`) {
		t.Errorf("notes %s", text)
	}
}

// TestLeftOutInOneLine: what is left out is named in one line for each type.
func TestLeftOutInOneLine(t *testing.T) {
	for want, names := range map[string][]string{
		`array "a" of type int64 is left out: parameters are floating-point numbers`: {"a"},
		`2 arrays of type int64 are left out: parameters are floating-point numbers ("a", "b")`: {
			"a",
			"b",
		},
		`5 arrays of type int64 are left out: parameters are floating-point numbers ("a", "b", "c", and 2 more)`: {
			"a",
			"b", "c", "d", "e",
		},
	} {
		if got := leftOut("int64", names); got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
	file, entries := pairs{"w", vector("FloatStorage", "0", 2)}, []string{"x/data/0", "12345678"}
	for i := range 5 {
		storage := fmt.Sprint(i + 1)
		file = append(file, "bn"+storage+".num_batches_tracked", vector("LongStorage", storage, 1))
		entries = append(entries, "x/data/"+storage, "12345678")
	}
	_, warnings := mustLoad(t, ImportOptions{}, save(t, t.TempDir(), "a.pt", []byte(torchZip(t, file, entries...))))
	if text := strings.Join(warnings, "\n"); strings.Count(text, "num_batches_tracked") != 3 ||
		!strings.Contains(text, "5 arrays of type int64 are left out") {
		t.Errorf("notes %s", text)
	}
}

// TestTorchLeftOut: a tensor of a kind that is not read costs no other one, and is
// named.
func TestTorchLeftOut(t *testing.T) {
	w := vector("FloatStorage", "0", 2)
	for want, x := range map[string]any{
		`"x" of type complex64 is left out: complex tensors are not recorded; torch.view_as_real`: vector("ComplexFloatStorage", "1", 2),
		`"x" of type QInt8Storage`: vector("QInt8Storage", "1", 2),
		`"x" of type bits8`:        torchTensor{"UntypedStorage", "1", 2, 0, []int{2}, []int{1}, "bits8"},
		`"x" is left out: it is made by torch._utils._rebuild_qtensor`: called{
			"torch._utils",
			"_rebuild_qtensor",
			[]any{vector("FloatStorage", "1", 2)},
		},
		`"x" is left out: it is made by torch._utils._rebuild_device_tensor_from_numpy`: called{
			"torch._utils",
			"_rebuild_device_tensor_from_numpy",
			[]any{1},
		},
		`"x" is left out: it is made by torch.distributed.tensor.DTensor`: called{
			"torch._utils",
			"_rebuild_wrapper_subclass",
			[]any{raw("ctorch.distributed.tensor\nDTensor\n"), 1},
		},
		`"x" is left out: it is made by my.Sub`: called{
			"torch._tensor",
			"_rebuild_from_type_v2",
			[]any{
				raw("ctorch._utils\n_rebuild_tensor_v2\n"), raw("cmy\nSub\n"),
				group{},
				raw("N"),
			},
		},
		`"x" is left out: it is made by a conjugate or negated view`: conjugate(vector("FloatStorage", "1", 2)),
		`"x" is left out: it is a tuple, not a tensor`: group{vector("FloatStorage",
			"1", 2), 1},
		`"x" is left out: it is a dict inside the state dict`: pairs{"lr", 1},
		`"x" is left out: it is made by numpy.ndarray`: called{
			"numpy.core.multiarray", "_reconstruct",
			[]any{raw("cnumpy\nndarray\n"), group{0}, "b"},
		},
		`"x" is left out: it is made by torch._utils._rebuild_tensor_v2`: called{
			"torch._utils",
			"_rebuild_tensor_v2",
			[]any{1, 2},
		},
		`"x" of shape [1000000 1000000] is left out: the tensors before it already repeat`: nil,
	} {
		second := "12345678"
		switch v := x.(type) {
		case nil:
			x = torchTensor{"FloatStorage", "1", 2, 0, []int{1000000, 2000}, []int{0, 0}, ""}
			want = strings.Replace(want, "1000000 1000000", "1000000 2000", 1)
		case torchTensor:
			if v.length > 2 {
				second = string(make([]byte, 4*v.length))
			}
		}
		c, err := opened(t, "", torchZip(t, pairs{"w", w, "x", x}, "x/data/0",
			eighths(2, binary.LittleEndian), "x/data/1", second))
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if got := valuesOf(t, c); len(got) != 1 || !slices.Equal(got["w"], []float32{0, 0.125}) {
			t.Errorf("%s: tensors %v", want, got)
		}
		m := &checkpoints{
			Import: &Import{}, converted: map[string]int{}, warnedArrays: map[string]bool{},
			seenNotes: map[string]bool{},
		}
		m.warnAboutArrays(c)
		if text := strings.Join(m.Warnings, "\n"); !strings.Contains(text, want) {
			t.Errorf("notes %q; want %s", text, want)
		}
	}
}

// conjugate is a tensor whose last argument says that it is a conjugate view.
func conjugate(x torchTensor) any {
	var p pickled
	p.addTensor(x)
	text := strings.TrimSuffix(p.String(), "tR")
	p.Reset()
	p.add(raw(text), pairs{"conj", raw("\x88")}, raw("tR"))
	return raw(p.String())
}

// TestTorchKeys: where the state dict is found, and what is said when it is not.
func TestTorchKeys(t *testing.T) {
	a, b := vector("FloatStorage", "0", 2), vector("FloatStorage", "1", 3)
	A, B := pairs{"w", a}, pairs{"w", b}
	module := called{"torch.nn", "Linear", nil}
	for _, test := range []struct {
		value any
		key   string
		want  string // "0" or "1" for a tensor of that storage, else the error
	}{
		{A, "", "0"},
		{A, ".", "0"},
		{pairs{"model", A, "ema", B}, "", "0"},
		{pairs{"model", A, "ema", B}, "ema", "1"},
		{pairs{"state", pairs{"model", A, "step", 3}}, "", "0"},
		{pairs{"state", pairs{"model", A, "ema", B}}, "", "0"},
		{
			pairs{"state", pairs{"x", A, "y", B}},
			"",
			`several dicts of tensors; choose that of the model with --key: "state.x", "state.y"`,
		},
		{pairs{"state", pairs{"x", A, "y", B}}, "state.y", "1"},
		{pairs{"a.b", A, "a", pairs{"b", B}}, "a.b", "0"},
		{pairs{"a", pairs{"b", A}, "a.c", pairs{"b", B}}, "a.c.b", "1"},
		{pairs{"models", raw("]("), "x", 1}, "models.0", ""},
		{pairs{"models", group{A, B}}, "models.1", "1"},
		{pairs{"models", group{A, B}}, "", `"models.0", "models.1"`},
		{pairs{"models", group{A, B}}, "models.2", `no dict of tensors under the key "models.2"; it has "models"`},
		{group{A, B}, "1", "1"},
		{group{A, B}, "", "it holds a tuple"},
		{group{A, B}, "7", `no dict of tensors under the key "7"; it has a tuple of 2 values`},
		{pairs{"model", module}, "", `it has "model" (of the class torch.nn.Linear)`},
		{pairs{"model", module}, "model", "but an object of the class torch.nn.Linear"},
		{pairs{"model", pairs{"lr", 1.5}}, "model", `that dict has "lr"`},
		{
			pairs{"w", called{"numpy.core.multiarray", "_reconstruct", []any{raw("cnumpy\nndarray\n")}}},
			"",
			`it has "w" (of the class numpy.ndarray)`,
		},
		{pairs{"w", a}, "w", "but a single tensor"},
		{pairs{1, a}, "", "1 keys that are not strings"},
		{called{"my", "Params", nil}, "", "it holds an object of the class my.Params"},
	} {
		if test.want == "" {
			continue
		}
		c, err := opened(t, test.key,
			torchZip(t, test.value, "x/data/0", eighths(2, binary.LittleEndian), "x/data/1",
				eighths(3, binary.LittleEndian)))
		switch {
		case len(test.want) > 1:
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, key %q: %v; want %s", test.value, test.key, err, test.want)
			}
		case err != nil:
			t.Errorf("%v, key %q: %v", test.value, test.key, err)
		default:
			if n := len(valuesOf(t, c)["w"]); fmt.Sprint(n-2) != test.want {
				t.Errorf("%v, key %q: a tensor of %d elements", test.value, test.key, n)
			}
		}
	}
}

// TestTorchNumbers: where the step and the epoch of a checkpoint come from.
func TestTorchNumbers(t *testing.T) {
	sd := pairs{"w", vector("FloatStorage", "0", 2)}
	scalar := torchTensor{"LongStorage", "1", 1, 0, nil, nil, ""}
	numpy := called{"numpy.core.multiarray", "scalar", []any{
		raw("cnumpy\ndtype\n(X\x02\x00\x00\x00i8\x89\x88tR(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"),
		called{"_codecs", "encode", []any{"\u00d2\x04\x00\x00\x00\x00\x00\x00", "latin1"}},
	}}
	for _, test := range []struct {
		value       pairs
		step, epoch string
	}{
		{pairs{"model", sd, "step", 3, "epoch", 2}, "3", "2"},
		{pairs{"model", sd, "step", 3, "global_step", 300}, "300", ""},
		{pairs{"model", sd, "iter", 5.0}, "5", ""},
		{pairs{"model", sd, "iter", 5.5}, "", ""},
		{pairs{"model", sd, "step", scalar}, "77", ""},
		{pairs{"model", sd, "step", numpy}, "1234", ""},
		{pairs{"model", sd, "step", raw("\x88")}, "", ""},
		{pairs{"state", pairs{"model", sd, "step", 3}, "step", 9}, "3", ""},
		{pairs{"meta", pairs{"iter", 5000, "epoch", 4}, "state_dict", sd}, "5000", "4"},
		{pairs{"args", pairs{"step", 1, "epoch", 90}, "model", sd}, "", ""},
		{pairs{"optimizer", pairs{"step", 1}, "model", sd}, "", ""},
	} {
		c, err := opened(t, "", torchZip(t, test.value, "x/data/0", eighths(2, binary.LittleEndian), "x/data/1",
			string(longs(77))))
		if err != nil {
			t.Fatal(err)
		}
		if step, epoch := c.metadata[metaStep], c.metadata[metaEpoch]; step != test.step || epoch != test.epoch {
			t.Errorf("%v: step %q, epoch %q; want %q and %q", test.value, step, epoch, test.step, test.epoch)
		}
	}
}

// TestTorchArchive: what is wrong with an archive is one line, and costs no memory.
func TestTorchArchive(t *testing.T) {
	w := pairs{"w", vector("FloatStorage", "0", 2)}
	two := eighths(2, binary.LittleEndian)
	flipped := torchZip(t, w, "x/data/0", two)
	flipped[strings.Index(string(flipped), two)]++
	var p pickled
	p.add(raw("\x80\x02"), w, raw("."))
	for name, test := range map[string]struct {
		file []byte
		want string
	}{
		"huge storage": {torchZip(t, pairs{"w", torchTensor{"FloatStorage", "0", 1 << 40, 0, []int{3}, []int{1}, ""}},
			"x/data/0", two), `tensor "w" of shape [3]: it uses elements 0 to 2 of a storage that has 2`},
		"huge tensor": {torchZip(t, pairs{"w", torchTensor{"FloatStorage", "0", 2, 0, []int{1 << 40}, []int{1}, ""}},
			"x/data/0", two), "too many elements"},
		"huge stride": {torchZip(t,
			pairs{"w", torchTensor{"FloatStorage", "0", 2, 0, []int{2, 2}, []int{math.MaxInt64, math.MaxInt64}, ""}},
			"x/data/0", two), "of a storage that has 2"},
		"huge offset": {
			torchZip(t,
				pairs{"w", torchTensor{"FloatStorage", "0", 2, math.MaxInt64, []int{2}, []int{1}, ""}}, "x/data/0",
				two),
			"of a storage that has 2",
		},
		"no storage": {torchZip(t, w), `no entry "x/data/0"; the file is not complete`},
		"storage's path": {
			torchZip(t, pairs{"w", vector("FloatStorage", "../../etc/passwd", 2)}),
			`no entry "x/data/../../etc/passwd"`,
		},
		"checksum": {flipped, `array "w" is damaged: its values`},
		"deflated": {
			zipOf(t, zip.Deflate, "x/data.pkl", p.String(), "x/data/0", two),
			"is compressed or encrypted",
		},
		"two pickles":   {torchZip(t, w, "y/data.pkl", "."), "has 2 entries data.pkl"},
		"two entries":   {torchZip(t, w, "x/data/0", two, "x/data/0", two), `two entries "x/data/0"`},
		"byte order":    {torchZip(t, w, "x/data/0", two, "x/byteorder", "middle"), `its byte order is "middle"`},
		"script":        {torchZip(t, w, "x/constants.pkl", "."), "TorchScript"},
		"other archive": {zipOf(t, zip.Deflate, "word/document.xml", ""), `it has "word/document.xml"`},
	} {
		var err error
		bytes := allocated(func() {
			var c *container
			if c, err = opened(t, "", test.file); err == nil {
				err = c.floats(&c.arrays[0], make([]float32, c.arrays[0].length()))
			}
		})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") ||
			bytes > 4<<20 {
			t.Errorf("%s: %v (%d bytes); want %s", name, err, bytes, test.want)
		}
	}
}

// A finite float64 that float32 cannot hold is refused; an infinity stays.
func TestTorchRange(t *testing.T) {
	data := string(doubles(math.Inf(-1), 1e300, 3))
	for shape, want := range map[int]string{
		1: "",
		2: `array "w": it has the value 1e+300, which is too large for float32`,
	} {
		for _, stride := range []int{1, 0} {
			x := torchTensor{"DoubleStorage", "0", 3, shape - 1, []int{1, 2 - stride}, []int{1, stride}, ""}
			c, err := opened(t, "", torchZip(t, pairs{"w", x}, "x/data/0", data))
			if err == nil {
				err = c.floats(&c.arrays[0], make([]float32, c.arrays[0].length()))
			}
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("element %d, stride %d: %v; want %q", shape-1, stride, err, want)
			}
		}
	}
}

// A view is read after the checksum of its whole storage was compared.
func TestTorchViewChecksum(t *testing.T) {
	data := eighths(64, binary.LittleEndian)
	file := torchZip(t, pairs{"w", torchTensor{"FloatStorage", "0", 64, 0, []int{4}, []int{1}, ""}}, "x/data/0", data)
	file[strings.Index(string(file), data)+200]++
	c, err := opened(t, "", file)
	if err == nil {
		err = c.floats(&c.arrays[0], make([]float32, 4))
	}
	if err == nil || !strings.Contains(err.Error(), `its entry "x/data/0" is damaged: zip: checksum error`) {
		t.Errorf("%v", err)
	}
}
