package exchange

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nlpodyssey/safetensors"
	"pgregory.net/rapid"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

func safetensorsFile(t testing.TB, tr record.Trajectory, row int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSafetensors(&b, tr, row); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Another reader of the format sees the tensors.
func TestSafetensorsIndependent(t *testing.T) {
	h := recordtest.Header(7)
	h.Layout = record.Pack( // not in the order of names
		record.Tensor{Name: "z", Kind: record.Weight, Shape: []int{2, 3}},
		record.Tensor{Name: "a \"<", Kind: record.Bias})
	rows := recordtest.Rows(h, 4, 1)
	m := memory(t, h, rows)
	b := safetensorsFile(t, m, -2)
	if !bytes.Equal(b, safetensorsFile(t, m, 3)) {
		t.Error("row -2 of 5 is not row 3")
	}
	s, err := safetensors.Deserialize(b)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Names(), []string{"z", "a \"<", "norm1.running_mean"}; !slices.Equal(got, want) {
		t.Errorf("tensors %q, want %q", got, want)
	}
	z, _ := s.Tensor("z")
	if !slices.Equal(z.Shape(), []uint64{2, 3}) || z.DType() != safetensors.F32 ||
		!bytes.Equal(z.Data(), appendFloats(nil, rows[3].Theta[:6])) {
		t.Errorf("z is %v of shape %v", z.Data(), z.Shape())
	}
	a, _ := s.Tensor("a \"<")
	if len(a.Shape()) != 0 || !bytes.Equal(a.Data(), appendFloats(nil, rows[3].Theta[6:])) {
		t.Errorf("a is %v of shape %v", a.Data(), a.Shape())
	}
	_, metadata, err := safetensors.ReadMetadata(b)
	if err != nil {
		t.Fatal(err)
	}
	if got := metadata.Metadata(); got["step"] != "3" || got["epoch"] != "1" || got["model"] != h.Model ||
		got["format"] != "pt" {
		t.Errorf("metadata %q", got)
	}
	head := 8 + int(b[0]) + int(b[1])<<8
	if head%8 != 0 {
		t.Errorf("the values begin at byte %d, which is not aligned", head)
	}
}

// A run exported row by row comes back with its header, theta and state.
func TestSafetensorsRoundTrip(t *testing.T) {
	h := recordtest.Header(9)
	h.Layout[0].Kind = record.Other // nothing that would be guessed
	rows := recordtest.Rows(h, 11, 3)
	m := memory(t, h, rows)
	dir := t.TempDir()
	want := make([]record.Step, len(rows))
	for i := range rows {
		save(t, dir, fmt.Sprintf("step%d.safetensors", i), safetensorsFile(t, m, i))
		want[i] = record.Step{Step: rows[i].Step, Epoch: rows[i].Epoch, Theta: rows[i].Theta, State: rows[i].State}
	}
	got, warnings := mustLoad(t, ImportOptions{}, dir)
	compareRows(t, got, want)
	header := h.Clone()
	header.Columns.Grad = false
	if d := cmp.Diff(header, got.Header(), cmp.Comparer(record.Schedule.Equal)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"the steps, 0 to 11, come from the step in the file's metadata (" +
		filepath.Join(dir, "step0.safetensors") + " is step 0)"}, warnings); d != "" {
		t.Error(d)
	}
}

func TestSafetensorsProperty(t *testing.T) {
	outer, dir := t, t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		h := recordtest.Header(2)
		var tensors []record.Tensor
		for i := range rapid.IntRange(1, 4).Draw(t, "tensors") {
			tensors = append(tensors, record.Tensor{
				Name: fmt.Sprintf("%s%d",
					rapid.SampledFrom([]string{"w", "é ", "a/b.", "\u2028<"}).Draw(t, "name"), i),
				Kind:  rapid.SampledFrom(record.Kinds()[:5]).Draw(t, "kind"),
				Shape: rapid.SliceOfN(rapid.IntRange(1, 4), 0, 4).Draw(t, "shape"),
			})
		}
		h.Layout, h.Columns = record.Pack(tensors...), record.Columns{Theta: true}
		theta := make([]float32, h.Layout.Len())
		for i := range theta {
			theta[i] = math.Float32frombits(rapid.Uint32().Draw(t, "bits"))
		}
		row := record.Step{Step: rapid.Int64Range(0, math.MaxInt64).Draw(t, "step"), Theta: theta}
		m, err := record.NewMemory(h)
		if err == nil {
			err = m.Append(&row)
		}
		var b bytes.Buffer
		if err == nil {
			err = WriteSafetensors(&b, m, -1)
		}
		if err != nil {
			t.Fatal(err)
		}
		back, _, err := load([]string{save(outer, dir, "a.safetensors", b.Bytes())}, ImportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := back.Read(0, record.AllParts)
		if err != nil {
			t.Fatal(err)
		}
		if d := recordtest.Diff(&got, &row); d != "" {
			t.Fatal(d)
		}
		if !back.Header().Layout.Equal(h.Layout) {
			t.Fatalf("layout %v, want %v", back.Header().Layout, h.Layout)
		}
	})
}

func TestWriteSafetensorsRefused(t *testing.T) {
	h := recordtest.Header(4)
	rows := recordtest.Rows(h, 2, 1)
	rows[1].Theta = nil
	twice := h.Clone()
	twice.State[0].Name = h.Layout[0].Name
	for _, test := range []struct {
		h    *record.Header
		row  int
		want string
	}{
		{h, 3, "exchange: row 3 is not in the recording; it has 3 rows, from 0"},
		{h, -4, "exchange: row -4 is not in the recording; it has 3 rows, from 0"},
		{h, 1, "exchange: row 1 (step 1) has no theta"},
		{twice, 0, `exchange: safetensors: two tensors would be named "linear1.weight"`},
	} {
		err := WriteSafetensors(&bytes.Buffer{}, memory(t, test.h, rows), test.row)
		if err == nil || err.Error() != test.want {
			t.Errorf("row %d: %v, want %s", test.row, err, test.want)
		}
	}
	if err := WriteSafetensors(&bytes.Buffer{}, memory(t, h, nil), -1); err == nil ||
		!strings.Contains(err.Error(), "0 rows") {
		t.Errorf("no rows: %v", err)
	}
}
