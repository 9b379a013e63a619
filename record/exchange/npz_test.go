package exchange

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"codeberg.org/sbinet/npyio/npz"
	"pgregory.net/rapid"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// Through an archive and back everything stays: the suites for sinks and
// trajectories cannot tell.
func TestNPZConformance(t *testing.T) {
	back := func(t *testing.T, m *record.Memory) record.Trajectory {
		path := save(t, t.TempDir(), "run.npz", npzOf(t, m, NPZOptions{}))
		got, warnings := mustLoad(t, ImportOptions{}, path)
		for _, w := range warnings {
			if !strings.HasSuffix(w, "have the same parameters, bit for bit") { // which rows of a suite may have
				t.Errorf("warning: %q", w)
			}
		}
		return got
	}
	t.Run("Sink", func(t *testing.T) {
		recordtest.Sink(t, func(t *testing.T, h *record.Header) (record.Sink, func() record.Trajectory) {
			m := memory(t, h, nil)
			return m, func() record.Trajectory { return back(t, m) }
		})
	})
	t.Run("Trajectory", func(t *testing.T) {
		recordtest.Trajectory(t, func(t *testing.T, h *record.Header, rows []record.Step) record.Trajectory {
			return back(t, memory(t, h, rows))
		})
	})
}

func TestNPZProperty(t *testing.T) {
	dir := t.TempDir()
	bits32 := rapid.Custom(func(t *rapid.T) float32 { return math.Float32frombits(rapid.Uint32().Draw(t, "bits")) })
	bits64 := rapid.Custom(func(t *rapid.T) record.Optional {
		if !rapid.Bool().Draw(t, "valid") {
			return record.Optional{}
		}
		return record.Some(math.Float64frombits(rapid.Uint64().Draw(t, "bits")))
	})
	rapid.Check(t, func(rt *rapid.T) {
		h := recordtest.Header(rapid.IntRange(2, 9).Draw(rt, "p"))
		h.Columns = record.Columns{
			Theta: rapid.Bool().Draw(rt, "theta"), Grad: rapid.Bool().Draw(rt, "grad"),
			State: rapid.Bool().Draw(rt, "state"), Substep: true,
		}
		vector := func(recorded bool, n int) []float32 {
			if !recorded || rapid.IntRange(0, 3).Draw(rt, "absent") == 0 {
				return nil
			}
			return rapid.SliceOfN(bits32, n, n).Draw(rt, "vector")
		}
		rows := make([]record.Step, rapid.IntRange(0, 5).Draw(rt, "rows"))
		for i := range rows {
			s := &rows[i]
			s.Step, s.Substep, s.Epoch = int64(i*3), rapid.Int32Range(0, 99).Draw(rt, "substep"),
				rapid.Int32().Draw(rt, "epoch")
			for _, o := range s.Optionals() {
				*o = bits64.Draw(rt, "scalar")
			}
			s.Theta, s.Grad, s.State = vector(h.Columns.Theta, h.Layout.Len()), vector(h.Columns.Grad, h.Layout.Len()),
				vector(h.Columns.State, 3)
		}
		b := npzOf(t, memory(t, h, rows), NPZOptions{})
		if !bytes.Equal(b, npzOf(t, memory(t, h, rows), NPZOptions{})) {
			rt.Fatal("the same run gave other bytes")
		}
		m, _, err := load([]string{save(t, dir, "run.npz", b)}, ImportOptions{})
		if err != nil {
			rt.Fatal(err)
		}
		for i := range rows {
			got, err := m.Read(i, record.AllParts)
			if err != nil {
				rt.Fatal(err)
			}
			if d := recordtest.Diff(&got, &rows[i]); d != "" {
				rt.Fatalf("row %d: %s", i, d)
			}
		}
	})
}

// Another reader of the format sees the same numbers.
func TestNPZIndependent(t *testing.T) {
	h := recordtest.Header(7)
	rows := recordtest.Rows(h, 4, 1)
	b := npzOf(t, memory(t, h, rows), NPZOptions{})
	r := bytes.NewReader(b)
	var theta []float32
	var steps []int64
	var epochs []int32
	var loss []float64
	var valid []bool
	for name, to := range map[string]any{
		"theta": &theta, "step": &steps, "epoch": &epochs, "batch_loss": &loss,
		"batch_loss_valid": &valid,
	} {
		if err := npz.Read(r, name+".npy", to); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for i := range rows {
		for j, x := range rows[i].Theta {
			if theta[i*7+j] != x {
				t.Fatalf("theta[%d, %d] is %v, want %v", i, j, theta[i*7+j], x)
			}
		}
		if steps[i] != rows[i].Step || epochs[i] != rows[i].Epoch || valid[i] != rows[i].BatchLoss.Valid {
			t.Errorf("row %d: step %d, epoch %d, valid %v", i, steps[i], epochs[i], valid[i])
		}
		if valid[i] && loss[i] != rows[i].BatchLoss.Value || !valid[i] && !math.IsNaN(loss[i]) {
			t.Errorf("row %d: loss %v, want %+v", i, loss[i], rows[i].BatchLoss)
		}
	}
	archive, err := npz.NewReader(r, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(archive.Keys(), " "), "header.npy step.npy substep.npy epoch.npy examples.npy "+
		"evaluations.npy wall_time_ns.npy "+
		"batch_loss.npy batch_loss_valid.npy batch_accuracy.npy batch_accuracy_valid.npy learning_rate.npy "+
		"learning_rate_valid.npy "+
		"full_loss.npy full_loss_valid.npy test_loss.npy test_loss_valid.npy theta.npy grad.npy grad_valid.npy "+
		"state.npy"; got != want {
		t.Errorf("arrays %s\nwant   %s", got, want)
	}
}

func TestNPZRows(t *testing.T) {
	h := recordtest.Header(5)
	rows := recordtest.Rows(h, 6, 1)
	m := memory(t, h, rows)
	path := save(t, t.TempDir(), "run.npz", npzOf(t, m, NPZOptions{Rows: []int{1, 4, 6}, WithoutGrad: true}))
	got, _ := mustLoad(t, ImportOptions{}, path)
	want := []record.Step{rows[1], rows[4], rows[6]}
	for i := range want {
		want[i].Grad = nil
	}
	compareRows(t, got, want)
	for _, rows := range [][]int{{-1}, {7}, {2, 2}, {3, 1}} {
		if err := WriteNPZ(&bytes.Buffer{}, m, NPZOptions{Rows: rows}); err == nil {
			t.Errorf("rows %v were accepted", rows)
		}
	}
}

// damaged has a row that cannot be read.
// TestOwnArchives: what scripts save with numpy.savez is a run where theta has the
// rows, and what a run has no column for is left out with a note.
func TestOwnArchives(t *testing.T) {
	theta := entry{"theta", npy("<f4", appendFloats(nil, []float32{1, 2, 3, 4, 5, 6}), 3, 2)}
	rows := []record.Step{
		{Step: 0, Theta: []float32{1, 2}},
		{Step: 1, Theta: []float32{3, 4}},
		{Step: 2, Theta: []float32{5, 6}},
	}
	steps := []record.Step{
		{Step: 10, Theta: []float32{1, 2}},
		{Step: 20, Theta: []float32{3, 4}},
		{Step: 40, Theta: []float32{5, 6}},
	}
	withLoss := slices.Clone(steps)
	for i := range withLoss {
		withLoss[i].BatchLoss = record.Some(float64(i))
	}
	column := func(name string, n int) entry { return entry{name, npy("<f8", doubles(0, 1, 2, 3)[:8*n], n)} }
	for name, test := range map[string]struct {
		entries []entry
		want    []record.Step
		notes   []string
	}{
		"theta": {[]entry{theta}, rows, nil},
		"steps and losses": {
			[]entry{theta, {"steps", npy("<i8", longs(10, 20, 40), 3)}, column("losses", 3)},
			withLoss,
			[]string{`array "steps" is read as step`, `array "losses" is read as batch_loss`},
		},
		"unknown ones": {[]entry{
			theta,
			{"step", npy("<i8", longs(10, 20, 40), 3)},
			column("sharpness", 3),
			{"lr", npy("<f8", doubles(0.1))},
			{"grid", npy("<f8", doubles(1, 2, 3, 4), 2, 2)},
		}, steps, []string{
			`array "sharpness" of shape [3] is left out: no column of a run has this name and 3 rows`,
			`array "lr" of shape [] is left out: no column of a run has this name and 3 rows`,
			`array "grid" of shape [2 2] is left out: no column of a run has this name and 3 rows`,
		}},
		"a loss too few": {
			[]entry{theta, column("losses", 2)},
			rows,
			[]string{`array "losses" of shape [2] is left out: no column of a run has this name and 3 rows`},
		},
		"a checkpoint": {
			[]entry{theta, {"b", npy("<f4", appendFloats(nil, []float32{7, 8}), 2)}},
			[]record.Step{{Theta: []float32{1, 2, 3, 4, 5, 6, 7, 8}}},
			[]string{"the steps, 0 to 0, come from the " +
				"place of the only file, whose name and metadata have no step"},
		},
	} {
		path := save(t, t.TempDir(), "a.npz", archiveOf(t, zip.Store, test.entries...))
		m, notes := mustLoad(t, ImportOptions{}, path)
		compareRows(t, m, test.want)
		if !slices.Equal(notes, test.notes) {
			t.Errorf("%s: notes %q; want %q", name, notes, test.notes)
		}
	}
}

type damaged struct{ record.Trajectory }

var errDamaged = errors.New("damaged")

func (d damaged) Read(i int, parts record.Parts) (record.Step, error) {
	if i == 2 {
		return record.Step{}, errDamaged
	}
	return d.Trajectory.Read(i, parts)
}

// full takes some bytes and no more.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errDamaged
	}
	return len(b), nil
}

func TestWriteErrors(t *testing.T) {
	h := recordtest.Header(5)
	m := memory(t, h, recordtest.Rows(h, 6, 1))
	for name, err := range map[string]error{
		"npz row":          WriteNPZ(&bytes.Buffer{}, damaged{m}, NPZOptions{}),
		"csv row":          WriteCSV(&bytes.Buffer{}, damaged{m}),
		"safetensors row":  WriteSafetensors(&bytes.Buffer{}, damaged{m}, 2),
		"npz disk":         WriteNPZ(&full{3000}, m, NPZOptions{}),
		"csv disk":         WriteCSV(&full{100}, m),
		"safetensors disk": WriteSafetensors(&full{300}, m, 0),
	} {
		if !errors.Is(err, errDamaged) || !strings.HasPrefix(err.Error(), "exchange: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNPZNumpy(t *testing.T) {
	python := recordtest.Python(t, "numpy")
	dir := t.TempDir()
	h := recordtest.Header(7)
	rows := recordtest.Rows(h, 5, 2)
	save(t, dir, "run.npz", npzOf(t, memory(t, h, rows), NPZOptions{}))
	// numpy reads what we write, and writes it anew in two ways that we read.
	script := `
import json, numpy
z = numpy.load("run.npz")
assert z["theta"].dtype == numpy.float32 and z["theta"].shape == (6, 7), z["theta"]
assert z["step"].dtype == numpy.int64 and z["epoch"].dtype == numpy.int32
assert numpy.isnan(z["grad"][5]).all() and not z["grad_valid"][5] and z["grad_valid"][:5].all()
header = json.loads(z["header"].item())
print(json.dumps({"sum": [float(x) for x in z["theta"].astype(numpy.float64).sum(axis=1)], "p": header["layout"][0]["shape"][1] + 1}))
numpy.savez("plain.npz", **{k: z[k] for k in z.files})
numpy.savez_compressed("packed.npz", **{k: z[k] for k in z.files})
numpy.savez("double.npz", theta=z["theta"].astype(">f8"), step=z["step"].astype("u2"))
numpy.savez("ckpt.npz", **{"a.weight": z["theta"][0, :6].reshape(2, 3).T, "a.bias": numpy.float16(2.5)})
`
	cmd := exec.Command(python, "-c", script)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var said struct {
		Sum []float64
		P   int
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		sum := 0.0
		for _, x := range rows[i].Theta {
			sum += float64(x)
		}
		if math.Abs(said.Sum[i]-sum) > 1e-12 {
			t.Errorf("row %d: numpy's sum of theta is %v, want %v", i, said.Sum[i], sum)
		}
	}
	if said.P != 7 {
		t.Errorf("numpy's header has %d parameters", said.P)
	}
	for _, name := range []string{"plain.npz", "packed.npz"} {
		m, _ := mustLoad(t, ImportOptions{}, filepath.Join(dir, name))
		compareRows(t, m, rows)
	}
	m, _ := mustLoad(t, ImportOptions{}, filepath.Join(dir, "double.npz"))
	for i := range rows {
		rows[i] = record.Step{Step: rows[i].Step, Theta: rows[i].Theta}
	}
	compareRows(t, m, rows)
	m, _ = mustLoad(t, ImportOptions{}, filepath.Join(dir, "ckpt.npz"))
	v := rows[0].Theta
	compareRows(t, m, []record.Step{{Theta: []float32{v[0], v[3], v[1], v[4], v[2], v[5], 2.5}}})
}
