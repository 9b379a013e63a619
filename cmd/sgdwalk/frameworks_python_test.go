package main

import (
	"testing"

	"sgdwalk/record/recordtest"
)

// TestPythonFrameworks: callbacks of Lightning and Hugging Face and the recipe for accelerate
// record the rows of the same training written as a plain loop, bit for bit; callbacks of Keras
// and the loop for JAX record what the training had; trees of arrays and files of Keras become
// checkpoints with their units first, and come back. The libraries are stand-ins that follow
// their public sources, because Debian does not have them.
func TestPythonFrameworks(t *testing.T) {
	for _, c := range []struct {
		script, needs string
		run           func(*testing.T, string, ...string) (string, error)
	}{
		{"frameworks.py", "torch", runPackage},
		{"keras_fit.py", "torch", runPython}, // the single file
		{"converted.py", "h5py", runPython},
		{"converted.py", "h5py", runPackage},
	} {
		t.Run(c.script, func(t *testing.T) {
			interpreter := recordtest.Python(t, c.needs)
			out, err := c.run(t, interpreter, "-W", "ignore::UserWarning", "../../notebooks/python/testdata/"+c.script, t.TempDir())
			if err != nil || out != "ok\n" {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
