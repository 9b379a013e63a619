package exchange

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestStepsOfNames: layouts as people have them, and the steps that their names give.
// A text instead of steps is a part of the refusal.
func TestStepsOfNames(t *testing.T) {
	hash := func(c string) string { return strings.Repeat(c, 40) }
	for _, test := range []struct {
		paths string
		steps []int64
		text  string // of the refusal, or of where the steps come from
	}{
		// A number that is marked as the step.
		{
			"step512/model.safetensors step1/model.safetensors step0/model.safetensors",
			[]int64{512, 1, 0},
			`after "step" in the folder's name`,
		},
		{
			"checkpoint-500/model.safetensors checkpoint-1500/model.safetensors",
			[]int64{500, 1500},
			`after "checkpoint" in the folder's name`,
		},
		{
			"step1000-tokens4B.safetensors step2000-tokens8B.safetensors step10000-tokens41B.safetensors",
			[]int64{1000, 2000, 10000},
			`after "step"`,
		},
		{
			"epoch=0-step=100-val_loss=0.52.ckpt epoch=1-step=200-val_loss=1e-3.ckpt",
			[]int64{100, 200},
			`after "step" in the file's name`,
		},
		{"epoch=0-step=100.ckpt epoch=1-step=200-v1.ckpt", []int64{100, 200}, ""},
		{"step10-ab12cd3.pt step20-1234567.pt", []int64{10, 20}, ""},
		{"model_step_100_abc12.pt model_step_200_def34.pt", []int64{100, 200}, ""},
		{"ckpt_0001000.pt ckpt_0002000.pt", []int64{1000, 2000}, `after "ckpt"`},
		{
			"iter_0000100/mp_rank_00/model_optim_rng.pt iter_0000200/mp_rank_00/model_optim_rng.pt",
			[]int64{100, 200},
			`after "iter" in the folder's name`,
		},
		{"global_step10/mp_rank_00_model_states.pt global_step20/mp_rank_00_model_states.pt", []int64{10, 20}, ""},
		{"globalstep_10.pt globalstep_20.pt", []int64{10, 20}, ""},
		{"net-iteration-5.npz net-iteration-15.npz", []int64{5, 15}, ""},
		{"iter3_epoch1.pth iter9_epoch2.pth", []int64{3, 9}, ""},
		{"epoch1step200.pt epoch2step400.pt", []int64{200, 400}, ""},
		{"it100.npz it200.npz", []int64{100, 200}, ""},
		{"Model.Iter.100.pt Model.Iter.200.pt", []int64{100, 200}, ""},
		{"rl_model_1000_steps.pt rl_model_2000_steps.pt", []int64{1000, 2000}, `before "steps"`},
		{"100iters.pt 200iters.pt", []int64{100, 200}, ""},
		{"warmup_steps=10-step=5.pt warmup_steps=10-step=6.pt", []int64{5, 6}, ""},
		{"step_5_of_1000.pt step_10_of_1000.pt", []int64{5, 10}, ""},
		{"step=1,000.pt step=20,000.pt", []int64{1000, 20000}, ""},
		{"seed0-step100.pt seed0-step200.pt", []int64{100, 200}, ""},
		{"step_20240115.pt step_20240116.pt", []int64{20240115, 20240116}, ""},
		{"2024-01-15_12-30-45_step_7.pt 2024-01-15_12-31-45_step_8.pt", []int64{7, 8}, ""},
		{"run-20240115-123045/step-7.pt run-20240116-123045/step-8.pt", []int64{7, 8}, ""},
		{"step00000/model.pt step00010/model.pt", []int64{0, 10}, ""},
		{"pythia-160m-step1000/model.safetensors pythia-160m-step2000/model.safetensors", []int64{1000, 2000}, ""},
		{"checkpoint_1_1000.pt checkpoint_2_2000.pt", []int64{1000, 2000}, `the second number after "checkpoint"`},
		{"checkpoint1.pt checkpoint2.pt", []int64{1, 2}, ""},
		{"500_checkpoint.pt 1000_checkpoint.pt", []int64{500, 1000}, `before "checkpoint"`},
		{
			"checkpoint-500/unet/diffusion_pytorch_model.bin checkpoint-1000/unet/diffusion_pytorch_model.bin",
			[]int64{500, 1000},
			"",
		},
		{"schritt-ü_step3.pt schritt-ü_step4.pt", []int64{3, 4}, ""},

		// Epochs only.
		{"model_epoch_1.pth model_epoch_10.pth", []int64{1, 10}, `after "epoch"`},
		{"epoch=3-val_acc=0.91.ckpt epoch=4-val_acc=0.92.ckpt", []int64{3, 4}, ""},
		{"checkpoint_epoch_10.pth.tar checkpoint_epoch_20.pth.tar", []int64{10, 20}, ""},
		{"ep1.npz ep2.npz", []int64{1, 2}, ""},
		{"10epochs.pt 20epochs.pt", []int64{10, 20}, ""},
		{"epoch_3_checkpoint.pt epoch_4_checkpoint.pt", []int64{3, 4}, ""},

		// The last plain number.
		{"0.pt 1.pt 10.pt", []int64{0, 1, 10}, "the last whole number in the file's name"},
		{"model_000100.pt model_000200.pt", []int64{100, 200}, ""},
		{"1-a7.pt 2-a7.pt", []int64{1, 2}, ""},
		{"resnet20_100.pt resnet20_200.pt", []int64{100, 200}, ""},
		{"100_resnet20.pt 200_resnet20.pt", []int64{100, 200}, ""},
		{"model100.pt model200.pt", []int64{100, 200}, `after "model"`},
		{"ema_0.9999_100000.pt ema_0.9999_200000.pt", []int64{100000, 200000}, ""},
		{"100-lr1e-3-bs128.pt 200-lr1e-3-bs128.pt", []int64{100, 200}, ""},
		{"100-5c106cde.pt 200-e10adc39.pt", []int64{100, 200}, ""},
		{"100-v2.pt 200-v2.pt", []int64{100, 200}, ""},
		{"100-2024-01-15.pt 200-2024-01-15.pt", []int64{100, 200}, ""},
		{"100_20240115_123045.pt 200_20240115_123046.pt", []int64{100, 200}, ""},
		{"100-fp16.pt 200-fp16.pt", []int64{100, 200}, ""},
		{"7b-100.pt 7b-200.pt", []int64{100, 200}, ""},
		{"100/model.pt 200/model.pt", []int64{100, 200}, "the last whole number in the folder's name"},
		{"0100/weights.npz 0200/weights.npz", []int64{100, 200}, ""},

		// What is not a step.
		{"val_loss=0.52.pt val_loss=0.61.pt", nil, "has no step in its name"},
		{"a-3.5.pt b-4.5.pt", nil, "has no step in its name"},
		{"lr1e-3.pt lr1e-4.pt", nil, "has no step in its name"},
		{"4B.pt 8B.pt", nil, "has no step in its name"},
		{"10k.pt 20k.pt", nil, "has no step in its name"},
		{"step10k.pt step20k.pt", nil, "has no step in its name"},
		{"m-v1.pt m-v2.pt", nil, "has no step in its name"},
		{"seed0.pt seed1.pt", nil, "has no step in its name"},
		{"seed_0.pt seed_1.pt", nil, "has no step in its name"},
		{"fold-1.pt fold-2.pt", nil, "has no step in its name"},
		{"5c106cde.pt e10adc39.pt", nil, "has no step in its name"},
		{"checkpoint-2024-01-15.pt checkpoint-2024-01-16.pt", nil, "has no step in its name"},
		{"checkpoint-20240115.pt checkpoint-20240116.pt", nil, "has no step in its name"},
		{"m_20240115_123045.pt m_20240116_123045.pt", nil, "has no step in its name"},
		{"m_2024-01-15T12:30:45.pt m_2024-01-16T12:30:45.pt", nil, "has no step in its name"},
		{
			"3f2a1b4c-1234-5678-9abc-def012345678.pt 3f2a1b4c-1234-5679-9abc-def012345678.pt", nil,
			"has no step in its name",
		},
		{"snapshots/" + hash("a1") + "/model.pt snapshots/" + hash("b2") + "/model.pt", nil, "has no step in its name"},
		{"step=-1.pt step=-2.pt", nil, "has no step in its name"},
		{"init.pt final.pt", nil, "has no step in its name"},

		// Names that contradict one another.
		{"step100.pt final.pt", nil, "final.pt has no step in its name, and step100.pt has step 100"},
		{"step100.pt ckpt_200.pt", nil, "ckpt_200.pt has no step in its name, and step100.pt has step 100"},
		{"step100.pt 200.pt", nil, "200.pt has no step in its name, and step100.pt has step 100"},
		{"a1.pt b2.pt", nil, "the names have no common rule"},
		{"step99999999999999999999.pt step1.pt", nil, "the file's name is 99999999999999999999, which is not a " +
			"whole number of at most 9223372036854775807"},
		{"step_1_000_000.pt step_2_000_000.pt", nil, "the file's name is 1_000, which is not a whole number"},
	} {
		paths := strings.Fields(test.paths)
		n := newNumbering(paths, false)
		if test.steps == nil {
			if n.nameErr == nil || !strings.Contains(n.nameErr.Error(), test.text) ||
				!strings.Contains(n.nameErr.Error(), "--steps") {
				t.Errorf("%s: steps %v, %v; want a refusal with %q", test.paths, stepsOf(n.names), n.nameErr, test.text)
			}
			continue
		}
		if got := stepsOf(n.names); n.nameErr != nil || !slices.Equal(got, test.steps) ||
			!strings.Contains(examples(n.names), test.text) {
			t.Errorf("%s: steps %v by %s, %v; want %v by %q",
				test.paths, got, examples(n.names), n.nameErr, test.steps, test.text)
		}
	}
}

// TestStepOfSingleFile: one marked number is the step, and any other number says
// little.
func TestStepOfSingleFile(t *testing.T) {
	for path, want := range map[string]int64{
		"checkpoint-500/model.safetensors":          500,
		"iter_100/mp_rank_00/model_optim_rng.pt":    100,
		"checkpoint-500/unet/model.safetensors":     500,
		"checkpoint-500/a/b/model.safetensors":      0,
		"step7.pt":                                  7,
		"epoch=3.ckpt":                              3,
		"resnet20.pt":                               0,
		"20.pt":                                     0,
		"step3-finetune/results/model.pt":           0,
		"lightning_logs/version_3/checkpoints/m.pt": 0,
	} {
		d, err := newNumbering([]string{filepath.FromSlash(path)}, true).decide(ByAnything)
		if err != nil || d.steps[0] != want {
			t.Errorf("%s: steps %v from %s, %v; want %d", path, d.steps, d.origin, err, want)
		}
	}
}

// TestDecideSteps: metadata, names and the command line, and what contradicts.
func TestDecideSteps(t *testing.T) {
	hashes := []string{
		"snapshots/" + strings.Repeat("b2", 20) + "/model.pt",
		"snapshots/" + strings.Repeat("a1", 20) + "/model.pt",
	}
	for name, test := range map[string]struct {
		paths    []string
		metadata []string // one for each path, or none
		listed   bool
		by       Numbering
		want     string // the steps, or a part of the refusal
	}{
		"names":                   {paths: []string{"step2.pt", "step1.pt"}, want: "2 1"},
		"metadata":                {paths: []string{"a.pt", "b.pt"}, metadata: []string{"7", "3"}, want: "7 3"},
		"metadata, plain numbers": {paths: []string{"1.pt", "2.pt"}, metadata: []string{"10", "20"}, want: "10 20"},
		"agree": {
			paths: []string{"step1.pt", "step2.pt"}, metadata: []string{"1", "2"},
			want: "1 2",
		},
		"agree as far as there": {
			paths: []string{"step1.pt", "step2.pt"}, metadata: []string{"1", ""},
			want: "1 2",
		},
		"contradict": {
			paths: []string{"step1.pt", "step2.pt"}, metadata: []string{"1", "3"},
			want: "step2.pt has step 3 in its metadata, and 2 is the number after",
		},
		"contradict, and a choice": {
			paths: []string{"step1.pt", "step2.pt"}, metadata: []string{"1", "3"},
			by: ByMetadata, want: "1 3",
		},
		"contradict, by name": {
			paths: []string{"step1.pt", "step2.pt"}, metadata: []string{"1", "3"}, by: ByName,
			want: "1 2",
		},
		"another order": {
			paths: []string{"1.pt", "2.pt"}, metadata: []string{"20", "10"},
			want: "order the checkpoints differently",
		},
		"some metadata": {
			paths: []string{"a.pt", "b.pt"}, metadata: []string{"", "3"},
			want: "a.pt has no step in its metadata, and b.pt has step 3 there",
		},
		"metadata twice": {
			paths: []string{"a.pt", "b.pt"}, metadata: []string{"3", "3"},
			want: "step 3 comes twice: a.pt and b.pt",
		},
		"metadata of text": {
			paths: []string{"a.pt", "b.pt"}, metadata: []string{"3", "x"},
			want: `b.pt has the step "x" in its metadata`,
		},
		"metadata too large": {
			paths: []string{"a.pt", "b.pt"}, metadata: []string{"3", "99999999999999999999"},
			want: "b.pt has the step",
		},
		"negative": {
			paths: []string{"a.pt", "b.pt"}, metadata: []string{"3", "-1"},
			want: "whole number of at least 0",
		},
		"twice": {
			paths: []string{"model_000200.pt", "model_000200_backup.pt"},
			want:  "step 200 comes twice: model_000200.pt and model_000200_backup.pt",
		},
		"two formats": {
			paths: []string{"step1.pt", "step1.safetensors"}, listed: true,
			want: "step 1 comes twice",
		},
		"two seeds":        {paths: []string{"seed0/step1.pt", "seed1/step1.pt"}, want: "step 1 comes twice"},
		"a download twice": {paths: []string{"model_1.pt", "model_1 (1).pt"}, want: "step 1 comes twice"},
		"nothing, listed":  {paths: []string{"z.pt", "a.pt"}, listed: true, want: "0 1"},
		"nothing, a folder": {
			paths: []string{"a.pt", "z.pt"},
			want:  "neither the metadata nor the names of the 2 checkpoints have steps, a.pt to z.pt; --steps order",
		},
		"hashes": {paths: hashes, listed: true, want: "are hashes, which have no order; --steps " +
			"order"},
		"hashes in order": {paths: hashes, listed: true, by: ByOrder, want: "0 1"},
		"order, a folder": {paths: []string{"a.pt", "z.pt"}, by: ByPlace, want: "0 1"},
		"a list":          {paths: []string{"a.pt", "b.pt", "c.pt"}, by: "100, 0,50", want: "100 0 50"},
		"a list of one":   {paths: []string{"a.pt"}, by: "100", want: "100"},
		"a short list": {
			paths: []string{"a.pt", "b.pt"}, by: "100",
			want: "steps lists 1 steps for 2 checkpoints, a.pt to b.pt",
		},
		"a list with a step twice": {
			paths: []string{"a.pt", "b.pt"}, by: "1,1",
			want: "step 1 comes twice: a.pt and b.pt",
		},
		"a list with something bad": {
			paths: []string{"a.pt", "b.pt"}, by: "1,2.5",
			want: `"2.5" is not a whole number`,
		},
	} {
		n := newNumbering(test.paths, test.listed)
		if test.metadata != nil {
			n.metadata = test.metadata
		}
		d, err := n.decide(test.by)
		steps := d.steps
		got := strings.Trim(fmt.Sprint(steps), "[]")
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != test.want ||
			err != nil && (!strings.Contains(got, test.want) || strings.Contains(got, "\n")) {
			t.Errorf("%s: %s; want %s", name, got, test.want)
		}
	}
}
