package nn

import "fmt"

func vgg11Architecture() architecture {
	return architecture{name: "vgg11", grammar: "vgg11", plan: vgg11}
}

// vgg11 plans configuration A of Simonyan & Zisserman (2015) with batch
// normalization after every convolution, as it is used on small images and in
// Xing et al. (2018): eight 3x3 convolutions with biases, five 2x2 maxima, and
// three fully connected layers, 512, 512 and the classes, without dropout. On
// 32x32x3 inputs with 10 classes it has 9,756,426 parameters.
func vgg11(p *plan, _ string) error {
	x := p.input()
	n := 1
	for _, stage := range [][]int{{64}, {128}, {256, 256}, {512, 512}, {512, 512}} {
		for _, channels := range stage {
			x = p.conv(fmt.Sprintf("conv%d", n), x, channels, convStyle{size: 3, stride: 1, pad: 1, bias: true})
			x = p.norm(fmt.Sprintf("norm%d", n), x, nil)
			n++
		}
		x = p.pool(x)
	}
	x = p.flatten(x)
	x = p.linear("linear1", x, 512, true)
	x = p.linear("linear2", x, 512, true)
	p.linear("linear3", x, p.in.Classes, false)
	return nil
}
