package nn

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sgdwalk/record"
)

// axesOf returns the axes of all tensors of a model, one line for each.
func axesOf(t *testing.T, spec string, in Input) string {
	t.Helper()
	theta, state, err := Axes(spec, in)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, l := range []record.Layout{theta, state} {
		if err := l.Validate(); err != nil {
			t.Fatal(err)
		}
		for _, x := range l {
			b.WriteString(x.Name + ": " + strings.Join(x.Axes, ", ") + "\n")
		}
	}
	return b.String()
}

func TestAxes(t *testing.T) {
	small := Input{8, 8, 1, 10}
	for _, c := range []struct{ spec, want string }{
		{"mlp:", `
linear1.weight: output, 64*input
linear1.bias: output
`},
		{"mlp:5,6", `
linear1.weight: linear1, 64*input
linear1.bias: linear1
linear2.weight: linear2, linear1
linear2.bias: linear2
linear3.weight: output, linear2
linear3.bias: output
`},
		{"resnet:8:noshort", `
conv1.weight: conv1, input, , 
norm1.scale: conv1
norm1.shift: conv1
stage1.block1.conv1.weight: stage1.block1.conv1, conv1, , 
stage1.block1.norm1.scale: stage1.block1.conv1
stage1.block1.norm1.shift: stage1.block1.conv1
stage1.block1.conv2.weight: stage1.block1.conv2, stage1.block1.conv1, , 
stage1.block1.norm2.scale: stage1.block1.conv2
stage1.block1.norm2.shift: stage1.block1.conv2
stage2.block1.conv1.weight: stage2.block1.conv1, stage1.block1.conv2, , 
stage2.block1.norm1.scale: stage2.block1.conv1
stage2.block1.norm1.shift: stage2.block1.conv1
stage2.block1.conv2.weight: stage2.block1.conv2, stage2.block1.conv1, , 
stage2.block1.norm2.scale: stage2.block1.conv2
stage2.block1.norm2.shift: stage2.block1.conv2
stage3.block1.conv1.weight: stage3.block1.conv1, stage2.block1.conv2, , 
stage3.block1.norm1.scale: stage3.block1.conv1
stage3.block1.norm1.shift: stage3.block1.conv1
stage3.block1.conv2.weight: stage3.block1.conv2, stage3.block1.conv1, , 
stage3.block1.norm2.scale: stage3.block1.conv2
stage3.block1.norm2.shift: stage3.block1.conv2
linear1.weight: output, stage3.block1.conv2
linear1.bias: output
norm1.running_mean: conv1
norm1.running_variance: conv1
stage1.block1.norm1.running_mean: stage1.block1.conv1
stage1.block1.norm1.running_variance: stage1.block1.conv1
stage1.block1.norm2.running_mean: stage1.block1.conv2
stage1.block1.norm2.running_variance: stage1.block1.conv2
stage2.block1.norm1.running_mean: stage2.block1.conv1
stage2.block1.norm1.running_variance: stage2.block1.conv1
stage2.block1.norm2.running_mean: stage2.block1.conv2
stage2.block1.norm2.running_variance: stage2.block1.conv2
stage3.block1.norm1.running_mean: stage3.block1.conv1
stage3.block1.norm1.running_variance: stage3.block1.conv1
stage3.block1.norm2.running_mean: stage3.block1.conv2
stage3.block1.norm2.running_variance: stage3.block1.conv2
`},
	} {
		if d := cmp.Diff(strings.TrimPrefix(c.want, "\n"), axesOf(t, c.spec, small)); d != "" {
			t.Errorf("%s: %s", c.spec, d)
		}
	}
}

// TestAxesOfLeNet: the image before the linear layers has 5x5 pixels of 16 channels, channel
// by channel.
func TestAxesOfLeNet(t *testing.T) {
	text := axesOf(t, "lenet", Input{28, 28, 1, 10})
	for _, want := range []string{
		"conv1.weight: conv1, input, , \nconv1.bias: conv1\nconv2.weight: conv2, conv1, , \nconv2.bias: conv2\n",
		"linear1.weight: linear1, conv2*25\nlinear1.bias: linear1\nlinear2.weight: linear2, linear1\n",
		"linear3.weight: output, linear2\nlinear3.bias: output\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nlacks\n%s", text, want)
		}
	}
}

// TestAxesOfShortcuts: the units that shortcuts add up have one name through all blocks. A
// stage keeps the channels of the stage before and has new ones behind them.
func TestAxesOfShortcuts(t *testing.T) {
	text := axesOf(t, "resnet:14", Input{8, 8, 1, 10})
	for _, want := range []string{
		"stage1.block2.conv1.weight: stage1.block2.conv1, conv1, , \n",
		"stage1.block2.conv2.weight: conv1, stage1.block2.conv1, , \n",
		"stage2.block1.conv1.weight: stage2.block1.conv1, conv1, , \n",
		"stage2.block1.conv2.weight: conv1+stage2.block1.conv2, stage2.block1.conv1, , \n",
		"stage2.block2.conv1.weight: stage2.block2.conv1, conv1+stage2.block1.conv2, , \n",
		"stage2.block2.conv2.weight: conv1+stage2.block1.conv2, stage2.block2.conv1, , \n",
		"stage2.block2.norm2.scale: conv1+stage2.block1.conv2\n",
		"stage2.block2.norm2.running_mean: conv1+stage2.block1.conv2\n",
		"stage3.block2.conv2.weight: conv1+stage2.block1.conv2+stage3.block1.conv2, stage3.block2.conv1, , \n",
		"linear1.weight: output, conv1+stage2.block1.conv2+stage3.block1.conv2\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nlacks\n%s", text, want)
		}
	}
}

// TestAxesOfOddNetworks: ties that no model of the table has.
func TestAxesOfOddNetworks(t *testing.T) {
	in := Input{4, 4, 2, 3}
	named := func(build func(p *plan)) string {
		p := newPlan("odd", in)
		build(p)
		p, err := p.finish()
		if err != nil {
			t.Fatal(err)
		}
		a := &axisNames{plan: p}
		if err := a.read(); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for i, axes := range a.params {
			b.WriteString(p.params[i].Name + ": " + strings.Join(textOf(axes), ", ") + "\n")
		}
		return b.String()
	}
	style := convStyle{size: 3, stride: 1, pad: 1}
	// A shortcut from the input fixes the channels that it is added to.
	got := named(func(p *plan) {
		x := p.input()
		y := p.norm("norm1", p.conv("conv1", x, 5, style), &x)
		p.linear("linear1", p.flatten(y), 3, false)
	})
	want := "conv1.weight: input+conv1, input, , \nnorm1.scale: input+conv1\nnorm1.shift: input+conv1\n" +
		"linear1.weight: output, (input+conv1)*16\nlinear1.bias: output\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// A wide shortcut divides the units of a stage that is not divided yet, everywhere.
	got = named(func(p *plan) {
		x := p.conv("conv1", p.input(), 4, style)
		y := p.conv("conv2", x, 6, style)
		z := p.norm("norm1", p.conv("conv3", y, 6, style), &x)
		z = p.norm("norm2", p.conv("conv4", z, 6, style), &y)
		w := p.norm("norm3", p.conv("conv5", z, 6, style), &x)
		p.linear("linear1", p.average(w), 3, false)
	})
	want = `conv1.weight: conv1, input, , 
conv2.weight: conv2, conv1, , 
conv3.weight: conv1+conv3, conv2, , 
norm1.scale: conv1+conv3
norm1.shift: conv1+conv3
conv4.weight: conv2, conv1+conv3, , 
norm2.scale: conv2
norm2.shift: conv2
conv5.weight: conv1+conv5, conv2, , 
norm3.scale: conv1+conv5
norm3.shift: conv1+conv5
linear1.weight: output, conv1+conv5
linear1.bias: output
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// A shortcut with fewer channels than the layer that it is added to divides the units of
	// that layer, and the first ones are those of the shortcut.
	got = named(func(p *plan) {
		x := p.conv("conv1", p.input(), 6, style)
		y := p.conv("conv2", p.input(), 4, style)
		z := p.norm("norm1", x, &y)
		p.linear("linear1", p.average(z), 3, false)
	})
	want = "conv1.weight: conv2+conv1, input, , \nconv2.weight: conv2, input, , \nnorm1.scale: conv2+conv1\n" +
		"norm1.shift: conv2+conv1\nlinear1.weight: output, conv2+conv1\nlinear1.bias: output\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAxesOfABadSpec(t *testing.T) {
	if _, _, err := Axes("resnet:9", Input{8, 8, 1, 10}); err == nil || !strings.Contains(err.Error(), "6n+2") {
		t.Errorf("error %v", err)
	}
}
