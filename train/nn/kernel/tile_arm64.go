//go:build !noasm

package kernel

// tileShape is a register shape of the tile kernel: its vectors, their lanes and
// the largest number of pixels.
type tileShape struct{ vectors, lanes, maxPixels int }

// shapeFor returns the shape for the given number of remaining columns.
func shapeFor(columns int) tileShape {
	if columns < panel {
		return tileShape{2, 4, 12}
	}
	return tileShape{4, 4, 6}
}

// call runs the kernel for tiles of the given number of pixels.
func (f tileShape) call(tile int, args *tileArgs) {
	if f.vectors == 2 {
		tile128x2(tile, args)
		return
	}
	tile128x4(tile, args)
}
