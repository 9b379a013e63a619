//go:build !noasm

package kernel

import "unsafe"

//go:generate go run ./internal/gen .

// tileArgs are the arguments of a tile kernel; strides are in bytes. The
// assembly takes the offsets of the fields from go_asm.h.
type tileArgs struct {
	a, b, c, bias, res             unsafe.Pointer // res may be nil
	tiles, n, k                    int
	aPixel, aInner, bInner, bPanel int
	aSkip, bSkip                   int // from behind an inner loop to the next one
	cPixel                         int
	low                            float32
}

// zeros stands for an absent bias.
var zeros [2 * panel]float32

// tileWork is how many multiply-adds one call of a kernel may do, about 20
// microseconds: the runtime cannot stop a goroutine inside assembly, and the
// garbage collector waits for it.
const tileWork = 1 << 20

// runFast is run in assembly. T is float32 here.
func (s *sweep[T]) runFast() {
	const size = 4
	args := tileArgs{
		n: s.inner, k: s.outer,
		aPixel: s.aPixel * size, aInner: s.aInner * size, bInner: s.bInner * size, bPanel: s.bPanel * size,
		aSkip: (s.aOuter - s.inner*s.aInner) * size, bSkip: (s.bOuter - s.inner*s.bInner) * size,
		cPixel: s.cPixel * size,
		low:    float32(s.low),
	}
	for j := 0; j < s.width; {
		// Two panels at once where the registers reach that far.
		vectors, lanes, most := 2, 8, 6
		switch left := s.width - j; {
		case left < panel:
			vectors, most = 1, 14
		case active == useAVX512 && left >= 2*panel:
			lanes, most = 16, 8
		case active == useAVX512:
			vectors, lanes, most = 1, 16, 16
		}
		columns := vectors * lanes
		if s.outer > 0 {
			args.b = unsafe.Pointer(&s.b[s.bColumn(j)])
		}
		args.bias = unsafe.Pointer(&zeros)
		if s.bias != nil {
			args.bias = unsafe.Pointer(&s.bias[j])
		}
		limit := max(1, tileWork/max(1, s.inner*s.outer*columns))
		for y := range s.rows {
			s.pixelRow(&args, y, j, lanes, vectors, most, limit)
			if s.stats != nil {
				s.stats.row(s.c[y*s.cRow:], s.pixels, s.cPixel, j, columns)
			}
		}
		j += columns
	}
}

// pixelRow computes the given columns of one row of pixels, at most limit
// pixels (but at least one tile) in a call.
func (s *sweep[T]) pixelRow(args *tileArgs, y, j, lanes, vectors, most, limit int) {
	for p := 0; p < s.pixels; {
		tile, tiles := split(s.pixels-p, most)
		tiles = min(tiles, max(1, limit/tile))
		args.tiles = tiles
		if s.outer > 0 {
			args.a = unsafe.Pointer(&s.a[y*s.aRow+p*s.aPixel])
		}
		c := y*s.cRow + p*s.cPixel + j
		args.c = unsafe.Pointer(&s.c[c])
		if s.res != nil {
			args.res = unsafe.Pointer(&s.res[c])
		}
		switch {
		case lanes == 16 && vectors == 2:
			tile512x2(tile, args)
		case lanes == 16:
			tile512x1(tile, args)
		case vectors == 2:
			tile256x2(tile, args)
		default:
			tile256x1(tile, args)
		}
		p += tile * tiles
	}
}

// split cuts pixels into tiles of at most the given size, all of one size where
// the remainder allows, else of two sizes that differ by one: a small last tile
// would have too few independent sums to keep the multiply-add units busy. It
// returns the size of the first tiles and how many there are.
func split(pixels, most int) (tile, tiles int) {
	for tile = most; tile > most-3 && tile > 0; tile-- {
		if pixels%tile == 0 {
			return tile, pixels / tile
		}
	}
	n := (pixels + most - 1) / most
	tile, longer := pixels/n, pixels%n
	if longer > 0 {
		return tile + 1, longer
	}
	return tile, n
}
