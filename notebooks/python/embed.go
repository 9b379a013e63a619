// Package python has sgdwalk.py, the recorder for programs in Python: one file to
// copy beside a training script. `sgdwalk python` prints it.
package python

import _ "embed"

// Source is the text of sgdwalk.py.
//
//go:embed sgdwalk.py
var Source string
