package main

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recordtest"
	"sgdwalk/train/dataset"
	"sgdwalk/train/replay"
)

// TestPythonAgrees: the same networks, data and weights in PyTorch have the same
// losses along 50 segments of a walk and on a 21x21 landscape, with recorded running
// statistics where the network normalizes. PyTorch is another program, and then the program
// that calls the analysis. A line and the largest eigenvalues of one network agree too.
func TestPythonAgrees(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out three networks, which take a minute")
	}
	interpreter := recordtest.Python(t, "torch")
	// Relative: both sum float32 products in their own orders. An example between two
	// classes may fall to either.
	const tolerance, undecided = 1e-5, 1
	for _, c := range []struct {
		name, model string
		data        string
		batch, norm string
	}{
		{"mlp", "mlp:32", "digits", "100", "batch"},
		{"lenet", "lenet", "mnist:" + digitFiles(t, 28, 3, 300), "30", "batch"},
		{"resnet8", "resnet:8", "mnist:" + digitFiles(t, 8, 1, 300), "30", "running"},
	} {
		t.Run(c.name, func(t *testing.T) {
			work := t.TempDir()
			dir := filepath.Join(work, "run")
			wantStatus(t, exitOK, "train", "-q", "--data", c.data, "--model", c.model, "--epochs", "6", "--batch",
				c.batch, "--lr", "0.05", "--out", dir)
			r := must(arrowfile.Open(dir))
			defer r.Close()
			x := must(replay.FromHeader(r.Header(), replay.Options{}))
			arrays := trainingArrays(t, x.Data().Train)
			d := x.Data().Train
			objective := servedFrom(t, interpreter, "testdata/python/native_objective.py "+c.name+" '"+arrays+"'")
			same := filepath.Join(work, "same") // in the process that calls the analyses
			if out, err := runPackage(t, interpreter, "testdata/python/in_process.py", dir, same, c.name, arrays); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, v := range []struct {
				table string
				args  []string
				n     int
			}{
				{"losses.csv", []string{"walk", "--segments", "0-49", "--alphas", "0:1:3", "--also", "accuracy"}, 150},
				{"grid.csv", []string{"landscape", "--grid", "21x21", "--also", "accuracy"}, 441},
				{"losses.csv", []string{"line", "--alphas", "0:1:11", "--also", "accuracy"}, 11},
			} {
				if v.args[0] == "line" && c.name != "mlp" {
					continue
				}
				native, torch := filepath.Join(work, "native"), filepath.Join(work, "torch")
				wantStatus(t, exitOK, slices.Concat(v.args, []string{"-q", "--norm", c.norm, "--out", native, dir})...)
				wantStatus(t, exitOK, slices.Concat(v.args,
					[]string{"-q", "--objective-procs", "2", "--out", torch, dir}, objective)...)
				want := columnsOf(t, filepath.Join(native, v.table), "loss", "accuracy")
				for _, from := range []string{torch, filepath.Join(same, v.args[0])} {
					got := columnsOf(t, filepath.Join(from, v.table), "loss", "accuracy")
					if len(got[0]) != v.n || len(want[0]) != v.n {
						t.Fatalf("%s: %d losses by PyTorch and %d by itself; there should be %d",
							v.table, len(got[0]), len(want[0]), v.n)
					}
					worst, low, high, flips := 0.0, math.Inf(1), 0.0, 0.0
					for i := range v.n {
						worst = max(worst, math.Abs(got[0][i]-want[0][i])/want[0][i])
						low, high = min(low, want[0][i]), max(high, want[0][i])
						flips = max(flips, math.Abs(got[1][i]-want[1][i])*float64(d.Len()))
					}
					t.Logf("%s: losses from %.4g to %.4g agree to %.2g, relatively; at most %.0f examples of %d are "+
						"classified otherwise", v.args[0], low, high, worst, flips, d.Len())
					if !(worst <= tolerance) || flips > undecided {
						t.Errorf("%s: losses differ by up to %.3g, relatively; the classes of %v examples differ",
							from, worst, flips)
					}
				}
			}
			if c.name == "mlp" {
				native := filepath.Join(work, "curvature")
				wantStatus(t, exitOK, "curvature", "-q", "--top", "3", "--out", native, dir)
				want := columnsOf(t, filepath.Join(native, "eigenvalues.csv"), "eigenvalue")[0]
				got := columnsOf(t, filepath.Join(same, "curvature", "eigenvalues.csv"), "eigenvalue")[0]
				for i := range 3 {
					// Both iterations end at a residual of 1e-3 of the largest eigenvalue or less.
					if math.Abs(got[i]-want[i]) > 1e-3*want[0] {
						t.Errorf("eigenvalue %d is %v, natively %v", i, got[i], want[i])
					}
				}
			}
		})
	}
}

// trainingArrays writes a data set as arrays for Python and returns the path.
func trainingArrays(t *testing.T, d dataset.Set) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.npz")
	labels := make([]float32, d.Len())
	for i, l := range d.Labels {
		labels[i] = float32(l)
	}
	if err := writeNPZ(path, []npzArray{
		{"inputs", npy(d.Inputs, d.Len(), d.Height, d.Width, d.Channels)},
		{"labels", npy(labels, d.Len())},
	}); err != nil {
		t.Fatal(err)
	}
	return path
}

// digitFiles writes n of the digits as IDX files of side x side pixels. Each pixel of a
// digit becomes scale x scale pixels, because LeNet does not fit on 8x8.
func digitFiles(t *testing.T, side, scale, n int) string {
	t.Helper()
	d := must(dataset.Open("digits", dataset.Options{}))
	dir, margin := t.TempDir(), (side-8*scale)/2
	for _, part := range []struct {
		name string
		set  dataset.Set
		n    int
	}{{"train", d.Train, n}, {"t10k", d.Test, 30}} {
		images := binary.BigEndian.AppendUint32(nil, 0x0803)
		labels := binary.BigEndian.AppendUint32(nil, 0x0801)
		for _, v := range []int{part.n, side, side} {
			images = binary.BigEndian.AppendUint32(images, uint32(v))
		}
		labels = binary.BigEndian.AppendUint32(labels, uint32(part.n))
		for i := range part.n {
			small, large := part.set.Example(i), make([]byte, side*side)
			top := slices.Max(small)
			for y := range 8 * scale {
				for x := range 8 * scale {
					large[(y+margin)*side+x+margin] = byte(255 * max(0, small[y/scale*8+x/scale]) / top)
				}
			}
			images, labels = append(images, large...), append(labels, byte(part.set.Labels[i]))
		}
		for name, b := range map[string][]byte{"-images-idx3-ubyte": images, "-labels-idx1-ubyte": labels} {
			if err := os.WriteFile(filepath.Join(dir, part.name+name), b, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}
