package exchange

import (
	"io"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"
)

// newUnpickler returns the pickle machine for checkpoints. They hold more than
// tensors, an argparse.Namespace, a numpy number, a torch.device: whatever class is
// not known becomes an opaque value, so that it is no reason to refuse the tensors
// beside it.
func newUnpickler(r io.Reader) pickle.Unpickler {
	u := pickle.NewUnpickler(r)
	u.FindClass = func(module, name string) (any, error) {
		if module == "torch._utils" && (name == "_rebuild_parameter" || name == "_rebuild_parameter_with_state") {
			return parameter{}, nil
		}
		return &opaque{name: module + "." + name}, nil
	}
	return u
}

// parameter rebuilds a torch.nn.Parameter, which is its tensor.
type parameter struct{}

var _ types.Callable = parameter{}

// Call returns the first of data, requires_grad and hooks.
func (parameter) Call(args ...any) (any, error) {
	if len(args) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return args[0], nil
}

// opaque is a class or function that is not known, and what calling it makes.
// Everything that a pickle may do to it is let pass; nothing is done.
type opaque struct{ name string }

var (
	_ types.Callable        = (*opaque)(nil)
	_ types.PyNewable       = (*opaque)(nil)
	_ types.PyStateSettable = (*opaque)(nil)
	_ types.DictSetter      = (*opaque)(nil)
	_ types.ListAppender    = (*opaque)(nil)
	_ types.SetAdder        = (*opaque)(nil)
)

func (o *opaque) Call(...any) (any, error)  { return &opaque{o.name}, nil }
func (o *opaque) PyNew(...any) (any, error) { return &opaque{o.name}, nil }
func (o *opaque) PySetState(any) error      { return nil }
func (o *opaque) Set(_, _ any)              {}
func (o *opaque) Append(any)                {}
func (o *opaque) Add(any)                   {}
