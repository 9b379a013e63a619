package nn

import (
	"fmt"
	"strconv"
	"strings"
)

// maxLayers is how many hidden layers an mlp may have.
const maxLayers = 1000

func mlpArchitecture() architecture {
	return architecture{
		name: "mlp", grammar: "mlp:W1,W2,... (hidden widths; mlp: has none)",
		hasArgs: true, plan: mlp,
	}
}

// mlp plans a multilayer perceptron: fully connected layers with ReLU of the
// given widths, separated by commas, and a last one to the classes. Without
// widths it is softmax regression.
func mlp(p *plan, widths string) error {
	x := p.input()
	n := 1
	if widths != "" {
		if layers := strings.Count(widths, ",") + 1; layers > maxLayers {
			return fmt.Errorf("%d hidden layers are too many; allowed are %d", layers, maxLayers)
		}
		for w := range strings.SplitSeq(widths, ",") {
			units, err := strconv.Atoi(w)
			if err != nil || units < 1 || units > maxExtent {
				return fmt.Errorf("width %q must be a whole number from 1 to %d", w, maxExtent)
			}
			x = p.linear(fmt.Sprintf("linear%d", n), x, units, true)
			n++
		}
	}
	p.linear(fmt.Sprintf("linear%d", n), x, p.in.Classes, false)
	return nil
}
