package exchange

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"testing"
)

// pickled writes values as pickle protocol 2 does.
type pickled struct{ bytes.Buffer }

// raw is a piece of a pickle.
type raw string

// pairs are keys and values of a dict, in turn.
type pairs []any

// group is the values of a tuple.
type group []any

func (p *pickled) add(values ...any) {
	for _, v := range values {
		switch v := v.(type) {
		case raw:
			p.WriteString(string(v))
		case string:
			p.WriteByte('X')
			p.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(v))))
			p.WriteString(v)
		case int:
			p.WriteString("\x8a\x08")
			p.Write(binary.LittleEndian.AppendUint64(nil, uint64(v)))
		case float64:
			p.WriteByte('G')
			p.Write(binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
		case pairs:
			p.WriteString("}(")
			p.add(v...)
			p.WriteByte('u')
		case group:
			p.WriteByte('(')
			p.add(v...)
			p.WriteByte('t')
		case called:
			p.add(raw("c"+v.module+"\n"+v.name+"\n"), group(v.args), raw("R"))
		case torchTensor:
			p.addTensor(v)
		default:
			panic(fmt.Sprintf("%T", v))
		}
	}
}

// called is a call of a function.
type called struct {
	module, name string
	args         []any
}

// torchTensor takes elements of a storage: of a class such as FloatStorage, or of a
// type such as float8_e5m2 where the class is UntypedStorage.
type torchTensor struct {
	class, key    string
	length        int // of the storage, as the pickle claims
	offset        int
	shape, stride []int
	dtype         string
}

func (p *pickled) addTensor(t torchTensor) {
	tuple := func(values []int) (out group) {
		for _, v := range values {
			out = append(out, v)
		}
		return out
	}
	p.add(raw("ctorch._utils\n"))
	if t.dtype == "" {
		p.add(raw("_rebuild_tensor_v2\n("))
	} else {
		p.add(raw("_rebuild_tensor_v3\n("))
	}
	p.add(raw("("), "storage", raw("ctorch\n"+t.class+"\n"), t.key, "cpu",
		t.length, raw("tQ"), t.offset, tuple(t.shape), tuple(t.stride), raw("\x89"))
	p.add(called{"collections", "OrderedDict", nil})
	if t.dtype != "" {
		p.add(raw("ctorch\n" + t.dtype + "\nN"))
	}
	p.add(raw("tR"))
}

// vector is a tensor of one dimension that has a whole storage.
func vector(class, key string, n int) torchTensor {
	return torchTensor{class: class, key: key, length: n, shape: []int{n}, stride: []int{1}}
}

// torchZip writes the archive that torch.save writes of a value. Entries are names and
// contents in turn; storages have names such as data/0.
func torchZip(t testing.TB, value any, entries ...string) []byte {
	t.Helper()
	var p pickled
	p.add(raw("\x80\x02"), value, raw("."))
	return zipOf(t, zip.Store, append([]string{"x/data.pkl", p.String()}, entries...)...)
}

func zipOf(t testing.TB, method uint16, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: entries[i], Method: method})
		if err == nil {
			_, err = w.Write([]byte(entries[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
