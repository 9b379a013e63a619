package nn

func lenetArchitecture() architecture {
	return architecture{name: "lenet", grammar: "lenet", plan: lenet}
}

// lenet plans LeNet-5 (LeCun et al. 1998) as it is written today: two 5x5
// convolutions with 6 and 16 channels, each rectified and followed by a 2x2
// maximum, then 120, 84 and the classes, rectified in between. The first
// convolution is padded by 2, so that 28x28 inputs go through it at their size.
func lenet(p *plan, _ string) error {
	x := p.conv("conv1", p.input(), 6, convStyle{size: 5, stride: 1, pad: 2, bias: true, relu: true})
	x = p.conv("conv2", p.pool(x), 16, convStyle{size: 5, stride: 1, bias: true, relu: true})
	x = p.flatten(p.pool(x))
	x = p.linear("linear1", x, 120, true)
	x = p.linear("linear2", x, 84, true)
	p.linear("linear3", x, p.in.Classes, false)
	return nil
}
