// Command gen writes the assembly of package kernel and the Go declarations that
// call it. go generate runs it in the folder of the kernel. A test fails if the
// committed files differ from its output.
//
//  1. tile.go emits the multiply-add kernel of matrix products and convolutions, in the
//     register shapes that fit each instruction set. tile_neon.go does it for NEON.
//  2. stream.go describes what each elementwise kernel does with one register, and
//     streamloop.go the loops around it. Both use the words of machine.go, which
//     x86.go and neon.go translate.
//  3. winograd.go emits the transforms of Winograd convolutions, and winograd_neon.go
//     does it for NEON.
//  4. small.go emits the transposition of 8x8 blocks and the pause of a spin loop.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	dir := "."
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	files := generate()
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), files[name], 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "gen:", err)
			os.Exit(1)
		}
	}
}

// generate returns the text of every generated file, by name.
func generate() map[string][]byte {
	files := map[string][]byte{}
	for family, sets := range architectures {
		decl := &declarations{}
		for _, isa := range sets {
			files["tile_"+isa.name+"_"+family+".s"] = tileFile(isa, decl)
			files["stream_"+isa.name+"_"+family+".s"] = streamFile(isa, decl)
			files["winograd_"+isa.name+"_"+family+".s"] = winogradFile(isa, decl)
		}
		declareStreams(sets, decl)
		declareWinograd(sets, decl)
		files["small_"+family+".s"] = smallFile(sets[0], decl)
		files["asm_"+family+".go"] = decl.file()
	}
	return files
}
