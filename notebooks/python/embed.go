// Package python has the Python package sgdwalk, which records training runs from
// PyTorch and numpy. The package's folder is sgdwalk; `sgdwalk python` prints the
// package as one file, for users without pip.
package python

import (
	"embed"
	"strings"
)

//go:embed sgdwalk/*.py
var files embed.FS

// modules are the modules of the single file, in its order: a module imports only
// from modules before it.
var modules = strings.Fields(`
	errors words arrays values program ranks
	layers kinds torch_buffers torch_model array_model layout
	torch_hessian torch_evaluator array_evaluator evaluator conversation objective
	preserve listener progress call options figures flatbuffer arrow_table tables results analyses
	columns row_checksums run_files segment scalars vectors losses run
	optimizers forward_hook gradient_checks checks stream frame_memory ingest row recording unclosed recorder
	framework_callback lightning_callback transformers_callback
	trees units tensor_file keras_files convert keras_callback
	__init__
`)

// Source returns the package as one file, sgdwalk.py. It panics if a module breaks
// the rules of Join; a test holds the embedded modules to them.
func Source() string {
	read := make([]Module, 0, len(modules))
	for _, name := range modules {
		text, err := files.ReadFile("sgdwalk/" + name + ".py")
		if err != nil {
			panic(err)
		}
		read = append(read, Module{Name: name, Text: string(text)})
	}
	source, err := Join(read)
	if err != nil {
		panic(err)
	}
	return source
}
