package nn

import (
	"fmt"
	"strconv"
	"strings"
)

// maxDepth bounds the N of resnet:N; the deepest that He et al. trained has 1202.
const maxDepth = 1202

func resnetArchitecture() architecture {
	return architecture{
		name: "resnet", grammar: "resnet:N and resnet:N:noshort (N = 6n+2: 8, 14, 20, ...)",
		hasArgs: true, plan: resnet,
	}
}

// resnet plans the residual networks of He et al. (2016), section 4.2: a 3x3
// convolution with 16 channels, three stages of n blocks of two 3x3 convolutions
// with 16, 32 and 64 channels, the mean over all pixels, and one fully connected
// layer: N = 6n+2 weighted layers. Every convolution is without bias and followed
// by batch normalization. Shortcuts have no parameters (option A): where a stage
// begins, every second pixel is taken and zeros stand for the new channels.
// With ":noshort" the same network has no shortcuts.
func resnet(p *plan, args string) error {
	number, option, hasOption := strings.Cut(args, ":")
	depth, err := strconv.Atoi(number)
	if err != nil || depth < 8 || depth > maxDepth || depth%6 != 2 {
		return fmt.Errorf("depth %q must be 6n+2 with n from 1 to %d", number, (maxDepth-2)/6)
	}
	if hasOption && option != "noshort" {
		return fmt.Errorf("option %q must be noshort or left out", option)
	}
	x := p.conv("conv1", p.input(), 16, convStyle{size: 3, stride: 1, pad: 1})
	x = p.norm("norm1", x, nil)
	for stage, channels := range []int{16, 32, 64} {
		for block := range (depth - 2) / 6 {
			stride := 1
			if stage > 0 && block == 0 {
				stride = 2
			}
			x = p.block(fmt.Sprintf("stage%d.block%d", stage+1, block+1), x, channels, stride, !hasOption)
		}
	}
	p.linear("linear1", p.average(x), p.in.Classes, false)
	return nil
}

// block adds two convolutions with the shortcut around them.
func (p *plan) block(name string, x value, channels, stride int, shortcut bool) value {
	y := p.conv(name+".conv1", x, channels, convStyle{size: 3, stride: stride, pad: 1, skip: shortcut})
	y = p.norm(name+".norm1", y, nil)
	y = p.conv(name+".conv2", y, channels, convStyle{size: 3, stride: 1, pad: 1})
	if !shortcut {
		return p.norm(name+".norm2", y, nil)
	}
	return p.norm(name+".norm2", y, &x)
}
