package nn

import (
	"fmt"
	"strings"
)

// grammar is what a spec may say, for error messages.
const grammar = "models are mlp:W1,W2,... (hidden widths; mlp: has none), lenet, vgg11, resnet:N and resnet:N:noshort (N = 6n+2: 8, 14, 20, ...)"

// parse turns a spec and an input shape into a plan.
func parse(spec string, in Input) (*plan, error) {
	if err := in.Validate(); err != nil {
		return nil, err
	}
	name, args, hasArgs := strings.Cut(spec, ":")
	p := newPlan(spec, in)
	var err error
	switch {
	case name == "mlp" && hasArgs:
		err = mlp(p, args)
	case spec == "lenet":
		lenet(p)
	case spec == "vgg11":
		vgg11(p)
	case name == "resnet" && hasArgs:
		err = resnet(p, args)
	default:
		err = fmt.Errorf("unknown")
	}
	if err != nil {
		if len(spec) > 60 {
			spec = spec[:60] + "..."
		}
		return nil, fmt.Errorf("nn: model %q: %w; %s", spec, err, grammar)
	}
	return p.finish()
}
