package main

import "sgdwalk/notebooks/python"

// pythonCmd prints the recorder for Python.
type pythonCmd struct{}

func (pythonCmd) Help() string {
	return `One file to put beside a training script: a recorder for PyTorch modules and for plain numpy.
Its first lines say how to use it; notebooks/python/README.md says more.

Examples:
  sgdwalk python > sgdwalk.py`
}

// Run prints it.
func (pythonCmd) Run(e *env) error {
	if e.json {
		return e.printJSON(struct {
			Source string `json:"source"`
		}{python.Source()})
	}
	e.print(python.Source())
	return nil
}
