package sweep

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record/safefile"
)

const gridHead = "data = \"digits\"\nmodel = \"mlp:8\"\n"

// Every mistake in the file is named with its line.
func TestGridRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no TOML":           {"data = \n", "line 1"},
		"unknown key":       {gridHead + "epoch = 3\n", `line 3: epoch is not a setting of a sweep`},
		"unknown optimizer": {gridHead + "[optimizer.sdg]\nlr = 1\n", `line 3: optimizer.sdg`},
		"unknown hyper": {
			gridHead + "[optimizer.adam]\nlr = 1\nbeta3 = 0.5\n",
			`line 5: optimizer.adam.beta3 is not a hyperparameter of adam`,
		},
		"learning rate": {
			gridHead + "[optimizer.sgd]\nlearning_rate = 1\n",
			`line 4: optimizer.sgd.learning_rate is not a hyperparameter of sgd; allowed are lr`,
		},
		"wrong type": {
			gridHead + "batch = [10, \"many\"]\n",
			`line 3: batch is many; it must be a whole number`,
		},
		"wrong bool":        {gridHead + "grad = 1\n", `line 3: grad is 1; it must be true or false`},
		"list of one value": {gridHead + "epochs = [1, 2]\n", `line 3: epochs is a list; one value is allowed`},
		"empty axis":        {gridHead + "seed = []\n", `line 3: seed is an empty list`},
		"twice":             {gridHead + "seed = [1, 1]\n", `line 3: seed has 1 twice`},
		"same number":       {gridHead + "lr = [1, 1.0]\n", `line 3: lr has 1 twice`},
		"batch of gd":       {gridHead + "[optimizer.gd]\nbatch = 5\n", `line 4: optimizer.gd.batch does not apply`},
		"no table":          {gridHead + "[optimizer]\nsgd = 5\n", `line 4: optimizer.sgd is 5; it must be a table`},
		"negative seed":     {gridHead + "init_seed = -1\n", `line 3: init_seed is -1`},
		"no data":           {"model = \"mlp:8\"\n", "data is missing"},
		"not finite":        {gridHead + "lr = nan\n", "line 3: lr is NaN"},
		"same directory": {
			"data = \"digits\"\nmodel = [\"mlp:8,8\", \"mlp:8:8\"]\n",
			"two cells would be in mlp-8-8_sgd_s1",
		},
	} {
		_, err := ReadGrid("grid.toml", []byte(c.text), "")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

// The grid is the product of its axes, in the order of the file, and a table wins
// over what is at the top.
func TestGridCells(t *testing.T) {
	cells, err := ReadGrid("grid.toml", []byte(gridHead+`
batch = [10, 20]
epochs = 3
seed = [5, 6]
[optimizer.sgd]
lr = [0.1, 1]
[optimizer.gd]
lr = 0.5
epochs = 30
[optimizer.adam]
beta1 = [0, 0.9]
batch = 40
`), "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range cells {
		names = append(names, c.Name)
		want := 3
		if c.Optimizer == "gd" {
			want = 30
		}
		if c.Epochs != want || c.InitSeed == nil || *c.InitSeed != 1 {
			t.Errorf("%s: %d epochs, seed of the initialization %v", c.Name, c.Epochs, c.InitSeed)
		}
	}
	want := strings.Fields(`mlp-8_sgd_lr0.1_b10_s5 mlp-8_sgd_lr0.1_b10_s6 mlp-8_sgd_lr0.1_b20_s5 mlp-8_sgd_lr0.1_b20_s6
		mlp-8_sgd_lr1_b10_s5 mlp-8_sgd_lr1_b10_s6 mlp-8_sgd_lr1_b20_s5 mlp-8_sgd_lr1_b20_s6 mlp-8_gd_lr0.5_s5 mlp-8_gd_lr0.5_s6
		mlp-8_adam_beta10_b40_s5 mlp-8_adam_beta10_b40_s6 mlp-8_adam_beta10.9_b40_s5 mlp-8_adam_beta10.9_b40_s6`)
	if !slices.Equal(names, want) {
		t.Errorf("cells are\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
	if cells[0].Hyper == nil || *cells[4].LR != 1 || *cells[2].Batch != 20 || cells[12].Hyper["beta1"] != 0.9 {
		t.Errorf("settings are %+v", cells)
	}
}

// TestLongCellName: the directory of a cell has a name that file systems take, and the
// same cell has the same one again.
func TestLongCellName(t *testing.T) {
	dir := t.TempDir()
	seen := make(map[string]bool)
	for _, n := range []int{100, 249, 250, 251, 255, 256, 5000} {
		for _, end := range []string{"a", "b"} {
			name := shortName(strings.Repeat("x", n-1) + end)
			if (n <= 250) != (len(name) == n) || seen[name] || name != shortName(strings.Repeat("x", n-1)+end) {
				t.Errorf("%d bytes: %q", n, name)
			}
			seen[name] = true
			if err := safefile.WriteBytes(filepath.Join(dir, name+".json"), nil); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestSweepIsBounded: a grid is measured before it is enumerated.
func TestSweepIsBounded(t *testing.T) {
	long := strings.Repeat("1,", 100_000) + "1"
	for name, text := range map[string]string{
		"axes": "batch = [" + numbers(3000) + "]\nseed = [" + numbers(3000) + "]\nlr = [" + numbers(3000) +
			"]\n",
		"one axis":        "seed = [" + long + "]\n",
		"hyperparameters": "[optimizer.adam]\nbeta1 = [" + numbers(1000) + "]\nbeta2 = [" + numbers(1000) + "]\n",
	} {
		_, err := ReadGrid("grid.toml", []byte(gridHead+text), "")
		if err == nil || !strings.Contains(err.Error(), "100000") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// numbers lists 1 to n.
func numbers(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprint(i+1))
	}
	return strings.Join(list, ",")
}
