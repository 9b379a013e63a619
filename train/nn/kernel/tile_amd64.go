//go:build !noasm

package kernel

// tileShape is a register shape of the tile kernel: its vectors, their lanes and
// the largest number of pixels.
type tileShape struct{ vectors, lanes, maxPixels int }

// shapeFor returns the shape for the given number of remaining columns.
func shapeFor(columns int) tileShape {
	switch {
	case columns < panel:
		return tileShape{1, 8, 14}
	case active != useAVX512:
		return tileShape{2, 8, 6}
	case columns < 2*panel:
		return tileShape{1, 16, 16}
	default:
		return tileShape{2, 16, 8}
	}
}

// call runs the kernel for tiles of the given number of pixels.
func (f tileShape) call(tile int, args *tileArgs) {
	switch {
	case f.lanes == 16 && f.vectors == 2:
		tile512x2(tile, args)
	case f.lanes == 16:
		tile512x1(tile, args)
	case f.vectors == 2:
		tile256x2(tile, args)
	default:
		tile256x1(tile, args)
	}
}
