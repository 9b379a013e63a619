package nn

import (
	"errors"
	"fmt"
	"strings"
)

// architecture describes a kind of network: everything that the rest of the
// program knows about it. Help, flags, error messages and replay follow from the
// table.
type architecture struct {
	name    string
	grammar string // the specs that name it, for help and errors
	// hasArgs is true when a spec continues after the name with a colon and
	// arguments.
	hasArgs bool
	// plan adds the layers to p. Its error says what is wrong with the arguments.
	plan func(p *plan, args string) error
}

// architectures lists all kinds of networks, in the order in which help shows them.
var architectures = []architecture{mlpArchitecture(), lenetArchitecture(), vgg11Architecture(), resnetArchitecture()}

// Specs says in words which specs of models there are.
func Specs() string {
	specs := make([]string, len(architectures))
	for i, m := range architectures {
		specs[i] = m.grammar
	}
	return strings.Join(specs, ", ")
}

// maxQuoted is how much of an unknown spec an error repeats.
const maxQuoted = 60

// parse turns a spec and an input shape into a plan.
func parse(spec string, in Input) (*plan, error) {
	if err := in.Validate(); err != nil {
		return nil, err
	}
	p := newPlan(spec, in)
	if err := p.addModel(spec); err != nil {
		if len(spec) > maxQuoted {
			spec = spec[:maxQuoted] + "..."
		}
		return nil, fmt.Errorf("nn: model %q: %w; models are %s", spec, err, Specs())
	}
	return p.finish()
}

// addModel adds the layers of the model that the spec names.
func (p *plan) addModel(spec string) error {
	name, args, hasArgs := strings.Cut(spec, ":")
	for _, m := range architectures {
		if m.name == name && m.hasArgs == hasArgs {
			return m.plan(p, args)
		}
	}
	return errors.New("unknown")
}
