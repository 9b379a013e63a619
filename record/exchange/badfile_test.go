package exchange

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// rawSafetensors is a file with any header.
func rawSafetensors(header string, payload int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, payload)...)
}

// samples are small files of every kind that can be imported.
func samples(t testing.TB) map[string][]byte {
	h := recordtest.Header(3)
	rows := recordtest.Rows(h, 2, 1)
	m := memory(t, h, rows)
	return map[string][]byte{
		"run.npz":                npzOf(t, m, NPZOptions{}),
		"checkpoint.safetensors": safetensorsFile(t, m, 1),
		"checkpoint.npz": archiveOf(t, zip.Deflate, entry{"a", npy("<f4", make([]byte, 24), 2, 3)},
			entry{"b", npy("<f8", doubles(1, 2), 2)}),
		"array.npy": npy("<f4", make([]byte, 24), 2, 3),
	}
}

// A file that was cut off anywhere is refused with a line that names it.
func TestTruncated(t *testing.T) {
	for name, b := range samples(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			mustLoad(t, ImportOptions{}, save(t, dir, name, b))
			for n := range b {
				_, err := newContainer(name, "", bytes.NewReader(b[:n]), int64(n))
				if n%500 == 0 { // the same through a file
					path := save(t, dir, name, b[:n])
					var fromFile error
					if _, _, fromFile = load([]string{path}, ImportOptions{}); fromFile == nil ||
						!strings.HasPrefix(fromFile.Error(), "exchange: "+path+": ") {
						t.Fatalf("a file cut to %d bytes: %v", n, fromFile)
					}
				}
				switch {
				case err == nil:
					t.Fatalf("cut to %d of %d bytes it was read", n, len(b))
				case !strings.HasPrefix(err.Error(), "exchange: "+name+": "), strings.Contains(err.Error(), "\n"):
					t.Fatalf("cut to %d bytes: %v", n, err)
				}
			}
			if _, _, err := load([]string{save(t, dir, name, append(slices.Clone(b), 0))},
				ImportOptions{}); err == nil && !strings.HasSuffix(name, "npz") {
				t.Error("with a byte more it was read")
			}
		})
	}
}

// A flipped bit of an archive, in every eleventh byte, is found, or changes nothing,
// or takes an array away, which is said: values have checksums.
func TestFlippedBits(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"run.npz", "checkpoint.npz"} {
		b := samples(t)[name]
		original, before := mustLoad(t, ImportOptions{}, save(t, dir, name, b))
		for i := 0; i < len(b); i += 11 {
			damaged := slices.Clone(b)
			damaged[i] ^= 1 << (i % 8)
			m, warnings, err := load([]string{save(t, dir, name, damaged)}, ImportOptions{})
			if err != nil || !slices.Equal(warnings, before) {
				continue
			}
			if m.Len() != original.Len() {
				t.Fatalf("%s, byte %d: %d rows", name, i, m.Len())
			}
			for j := range m.Len() {
				got, _ := m.Read(j, record.AllParts)
				want, _ := original.Read(j, record.AllParts)
				if d := recordtest.Diff(&got, &want); d != "" && m.Header().Layout.Equal(original.Header().Layout) {
					t.Fatalf("%s, byte %d, row %d: %s", name, i, j, d)
				}
			}
		}
	}
}

// Whatever happens to a file, reading it ends without a panic.
func TestMangled(t *testing.T) {
	outer, dir := t, t.TempDir()
	files := samples(t)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"run.npz", "checkpoint.safetensors", "checkpoint.npz", "array.npy"}).Draw(t,
			"name")
		b := slices.Clone(files[name])
		for range rapid.IntRange(1, 5).Draw(t, "changes") {
			at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
			switch rapid.IntRange(0, 2).Draw(t, "change") {
			case 0:
				b[at] = rapid.SampledFrom([]byte("\x00\xff09-[](){}'\",:eL")).Draw(t, "byte")
			case 1:
				end := min(len(b), at+rapid.IntRange(1, 40).Draw(t, "length"))
				b = slices.Delete(b, at, max(end, at))
			case 2:
				b = slices.Insert(b, at, rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "more")...)
			}
			if len(b) == 0 {
				return
			}
		}
		_, _, _ = load([]string{save(outer, dir, name, b)}, ImportOptions{})
	})
}

func TestBadSafetensors(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct {
		file []byte
		want string
	}{
		"empty":   {nil, "it is empty"},
		"cut off": {[]byte("{"), "header is cut off"},
		"header too long": {
			binary.LittleEndian.AppendUint64(nil, math.MaxUint64),
			"claims 18446744073709551615 bytes; the file has 8",
		},
		"header beyond file": {
			binary.LittleEndian.AppendUint64(nil, 90_000_000),
			"claims 90000000 bytes; the file has 8",
		},
		"no JSON":   {rawSafetensors("not JSON", 0), "header is wrong"},
		"no object": {rawSafetensors("[1]", 0), "header is wrong"},
		"no tensor": {rawSafetensors("{}", 0), "it has no tensor of floating-point numbers"},
		"unknown type": {
			rawSafetensors(`{"a":{"dtype":"F7","shape":[1],"data_offsets":[0,4]}}`, 4),
			"it has no tensor of floating-point numbers",
		},
		"no type":    {rawSafetensors(`{"a":{"shape":[1],"data_offsets":[0,4]}}`, 4), "header is wrong"},
		"no offsets": {rawSafetensors(`{"a":{"dtype":"F32","shape":[1]}}`, 4), "data_offsets are required"},
		"twice":      {rawSafetensors(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), `tensor "a" comes twice`},
		"shape and bytes": {
			rawSafetensors(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4),
			`tensor "a" of shape [2] and type float32 has bytes 0 to 4`,
		},
		"backwards": {
			rawSafetensors(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4),
			`has bytes 4 to 0`,
		},
		"negative": {
			rawSafetensors(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 4),
			"header is wrong",
		},
		"overflow": {rawSafetensors(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`,
			0), `tensor "a" of shape [4294967296 4294967296]`},
		"huge extent": {rawSafetensors(`{"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}}`,
			4), "header is wrong"},
		"huge tensor": {rawSafetensors(`{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}`,
			4), "the tensors have 4000000000000 bytes, but the file has 4"},
		"gap": {
			rawSafetensors(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8),
			`tensor "a" begins at byte 4 of the values, but the tensors before it end at 0`,
		},
		"overlap": {rawSafetensors(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), `begins at byte 0 of the values, but`},
		"trailing bytes": {
			rawSafetensors(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 5),
			"the tensors have 4 bytes, but the file has 5",
		},
		"no name": {rawSafetensors(`{"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), "names must be UTF-8"},
	} {
		path := save(t, dir, "a.safetensors", test.file)
		_, err := openBoth([]string{path}, ImportOptions{})
		if err == nil || !strings.Contains(err.Error(), test.want) ||
			!strings.HasPrefix(err.Error(), "exchange: "+path) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

func TestBadNPY(t *testing.T) {
	dir := t.TempDir()
	four := make([]byte, 4)
	for name, test := range map[string]struct {
		file []byte
		want string
	}{
		"empty":         {nil, "it is empty"},
		"magic":         {[]byte("\x93NUMPX\x01\x00\x02\x00{}"), `it begins with "\x93NUMPX`},
		"version":       {[]byte("\x93NUMPY\x04\x00\x02\x00{}"), "version is 4"},
		"long header":   {[]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"), "claims 4294967295 bytes"},
		"cut off":       {[]byte("\x93NUMPY\x01\x00\xff\x00{}"), "cut off"},
		"no dictionary": {npyText("[]", four), "is not valid"},
		"no end":        {npyText("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", four), "unexpected EOF"},
		"missing key":   {npyText("{'descr': '<f4', 'shape': (1,)}", four), "must have descr, fortran_order and shape"},
		"key twice":     {npyText("{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}", four), "must have descr"},
		"unknown key": {
			npyText("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", four),
			`unknown field "x"`,
		},
		"code": {
			npyText("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} or f()", four),
			"more text after its end",
		},
		"no boolean": {
			npyText("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", four),
			"cannot unmarshal number",
		},
		"negative extent": {
			npyText("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", four),
			"no dimension may be negative",
		},
		"huge extent": {
			npyText("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", four),
			"99999999999999999999",
		},
		"many dimensions": {npyText("{'descr': '<f4', 'fortran_order': False, 'shape': ("+strings.Repeat("1,", 65)+")}",
			four), "has 65 dimensions"},
		"overflow": {npyText("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
			four), "has 4 bytes"},
		"more than bytes": {
			npyText("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}", four),
			"has 4 bytes",
		},
		"fewer": {npyText("{'descr': '<f4', 'fortran_order': False, 'shape': ()}", make([]byte, 8)), "has 8 bytes"},
		"list without end": {
			npyText("{'descr': [('a', '<f4'), 'fortran_order': False, 'shape': ()}", nil),
			"is not valid",
		},
		"objects": {
			npyText("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", four),
			"it has no tensor of floating-point numbers",
		},
		"integers": {
			npyText("{'descr': '<i4', 'fortran_order': False, 'shape': (1,)}", four),
			"it has no tensor of floating-point numbers",
		},
	} {
		path := save(t, dir, "a.npy", test.file)
		_, err := openBoth([]string{path}, ImportOptions{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

func TestNPYElement(t *testing.T) {
	for descr, want := range map[string]element{
		"<f4": {"float32", floating, 4, false}, ">f8": {"float64", floating, 8, true},
		"=f2": {"float16", floating, 2, false},
		"<i8": {"int64", signed, 8, false}, "|u1": {"uint8", unsigned, 1, false}, "|b1": {"bool", boolean, 1, false},
		"|S7": {"bytes", text, 7, false},
		"<f3": {name: "<f3"}, "<f16": {name: "<f16"}, "f4": {name: "f4"}, "<f4x": {name: "<f4x"},
		"<f-4": {name: "<f-4"}, "<f04": {name: "<f04"},
		"|b2": {name: "|b2"}, "|O": {name: "object"}, "<c8": {name: "complex64"}, "<U8": {name: "<U8"}, "": {},
		"|S99999999999": {name: "|S99999999999"},
	} {
		if got := npyElement(descr); got != want {
			t.Errorf("%q: %+v, want %+v", descr, got, want)
		}
	}
}

func TestBadNPZ(t *testing.T) {
	dir := t.TempDir()
	one := npy("<f4", make([]byte, 4), 1)
	theta := entry{"theta", npy("<f4", make([]byte, 24), 2, 3)}
	run := func(more ...entry) []byte { return archiveOf(t, zip.Store, append([]entry{theta}, more...)...) }
	header := func(h *record.Header) entry {
		b, err := h.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return entry{headerName, npy(fmt.Sprintf("|S%d", len(b)), b)}
	}
	other := recordtest.Header(4)
	other.Columns = record.Columns{Theta: true}
	for name, test := range map[string]struct {
		file []byte
		want string
	}{
		"no archive": {[]byte("PK"), "zip: not a valid zip file"},
		"other file": {bytes.ReplaceAll(archiveOf(t, zip.Store, entry{"a", one}), []byte("a.npy"),
			[]byte("a.txt")), `no .npy); it has "a.txt"`},
		"twice": {archiveOf(t, zip.Store, entry{"a", one}, entry{"a", one}), `two arrays are named "a"`},
		"no npy": {
			archiveOf(t, zip.Store, entry{"a", []byte("text")}),
			`array "a": the .npy header is cut off`,
		},
		"empty": {archiveOf(t, zip.Store), "it has nothing"},
		"short": {
			archiveOf(t, zip.Store, entry{"a", one[:len(one)-1]}),
			`array "a" of shape [1] and type float32 has 3 bytes`,
		},
		"rows differ": {
			run(entry{"step", npy("<i8", longs(1), 1)}),
			`array "step" has shape [1]; it must have 1 dimensions, with 2 rows as in "theta"`,
		},
		"step is float": {
			run(entry{"step", npy("<f8", doubles(1, 2), 2)}),
			`array "step" has elements of type float64, which this column cannot have`,
		},
		"step goes back": {run(entry{"step", npy("<i8", longs(5, 4), 2)}), "step 4, substep 0 comes after step 5"},
		"epoch too large": {
			run(entry{"epoch", npy("<i8", longs(1, 1<<40), 2)}),
			`array "epoch" has 1099511627776 in row 1, which is too large`,
		},
		"step too large": {
			run(entry{"step", npy("<u8", longs(1, -1), 2)}),
			`array "step" has 18446744073709551615 in row 1`,
		},
		"valid is float": {run(entry{"batch_loss", npy("<f8", doubles(1, 2), 2)},
			entry{"batch_loss_valid", npy("<f8", doubles(1, 2), 2)}), "cannot have"},
		"grad of other P": {
			run(entry{"grad", npy("<f4", make([]byte, 16), 2, 2)}),
			"grad has 2 elements in each row, but 3 by the header",
		},
		"no elements":       {archiveOf(t, zip.Store, entry{"theta", npy("<f4", nil, 2, 0)}), "a row must have 1 to"},
		"columns first":     {archiveOf(t, zip.Store, entry{"theta", fortran(theta.npy)}), "numpy.ascontiguousarray"},
		"header of other P": {run(header(other)), "theta has 3 elements in each row, but 4 by the header"},
		"header is text":    {run(entry{headerName, npy("|S4", []byte("text"))}), "record: header"},
		"header is a list":  {run(entry{headerName, npy("|S2", []byte("text"), 2)}), "is not one byte string"},
		"only a header":     {archiveOf(t, zip.Store, header(other)), "neither theta nor step"},
	} {
		path := save(t, dir, "a.npz", test.file)
		_, err := openBoth([]string{path}, ImportOptions{})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	a := save(t, dir, "a.npz", npzOf(t, memory(t, other, recordtest.Rows(other, 2, 1)), NPZOptions{}))
	if _, err := openBoth([]string{a}, ImportOptions{Steps: ByName}); err == nil ||
		!strings.Contains(err.Error(), "apply only to checkpoints") {
		t.Errorf("options of checkpoints for a run: %v", err)
	}
	save(t, dir, "b.npz", run())
	if _, err := openBoth([]string{dir}, ImportOptions{}); err == nil ||
		!strings.Contains(err.Error(), "a whole run, which must be imported alone") {
		t.Errorf("a run among others: %v", err)
	}
}

// A small file that claims to be huge costs no memory.
func TestClaims(t *testing.T) {
	dir := t.TempDir()
	// 64 KB of zeros, about 100 bytes packed, that claim to be 1 GB: more than deflate can make of them.
	bomb := archiveOf(t, zip.Deflate, entry{"theta", append(npyHeader("<f4", 1, 1<<28), make([]byte, 1<<16)...)})
	bomb = setSizes(bomb, 1<<30+128)
	path := save(t, dir, "a.npz", bomb)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := openBoth([]string{path}, ImportOptions{})
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "claims 1073741952 bytes") {
		t.Errorf("%v", err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
}

// setSizes changes the uncompressed size in the central directory of an archive
// with one entry.
func setSizes(b []byte, size uint32) []byte {
	at := bytes.LastIndex(b, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(b[at+24:], size)
	return b
}
