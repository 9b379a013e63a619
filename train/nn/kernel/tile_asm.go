//go:build !noasm && (amd64 || arm64)

package kernel

import "unsafe"

//go:generate go run ./internal/gen .

// tileArgs are the arguments of a tile kernel. Strides are in bytes. The assembly
// gets the offsets of the fields from go_asm.h.
type tileArgs struct {
	a, b, c, bias, res             unsafe.Pointer // res may be nil
	rows, tiles, n, m, k           int
	aRow, bRow, cRow               int
	aPixel, aInner, bInner, bPanel int
	aMiddle, bMiddle               int // from the end of an inner loop to the next one
	aOuter, bOuter                 int // further, from the end of a middle loop to the next one
	cPixel                         int
	low                            float32
}

// zeros replaces a bias that is nil.
var zeros [2 * panel]float32

// tileWork is the largest number of multiply-adds in one call of a kernel, about
// 20 microseconds. The runtime cannot stop a goroutine in assembly, and the
// garbage collector waits for it.
const tileWork = 1 << 20

// statsBlock is the number of results after which their statistics are taken,
// while the results are in the first-level cache.
const statsBlock = 4096

// runFast runs the contraction in assembly. T is float32 here.
func (s *contraction[T]) runFast() {
	const size = 4
	args := tileArgs{
		n: s.inner, m: s.middle, k: s.outer,
		aRow: s.aRow * size, bRow: s.bRow * size, cRow: s.cRow * size,
		aPixel: s.aPixel * size, aInner: s.aInner * size, bInner: s.bInner * size, bPanel: s.bPanel * size,
		aMiddle: (s.aMiddle - s.inner*s.aInner) * size, bMiddle: (s.bMiddle - s.inner*s.bInner) * size,
		aOuter: (s.aOuter - s.middle*s.aMiddle) * size, bOuter: (s.bOuter - s.middle*s.bMiddle) * size,
		cPixel: s.cPixel * size,
		low:    float32(s.low),
		bias:   unsafe.Pointer(&zeros),
	}
	for j := 0; j < s.width; {
		f := shapeFor(s.width - j)
		columns := f.vectors * f.lanes
		if s.bias != nil {
			args.bias = unsafe.Pointer(&s.bias[j])
		}
		rows := s.rows
		if s.stats != nil {
			rows = max(1, statsBlock/(s.pixels*columns))
		}
		for y := 0; y < s.rows; y += rows {
			n := min(rows, s.rows-y)
			s.columns(args, f, y, n, j)
			if s.stats != nil {
				s.stats.rows(s.c[y*s.cRow:], n, s.cRow, s.pixels, s.cPixel, j, columns)
			}
		}
		j += columns
	}
}

// columns computes the columns of one register shape, from column j, of n rows
// from row y. It has its own copy of args, because a value that is stored through
// a pointer escapes to the heap.
func (s *contraction[T]) columns(args tileArgs, f tileShape, y, n, j int) {
	limit := max(1, tileWork/max(1, s.inner*s.middle*s.outer*f.vectors*f.lanes)) // pixels per call
	for p := 0; p < s.pixels; {
		tile, tiles := split(s.pixels-p, f.maxPixels)
		tiles = min(tiles, max(1, limit/tile))
		rows := max(1, limit/(tile*tiles))
		args.tiles = tiles
		for r := y; r < y+n; r += rows {
			args.rows = min(rows, y+n-r)
			if s.outer > 0 {
				args.a = unsafe.Pointer(&s.a[r*s.aRow+p*s.aPixel])
				args.b = unsafe.Pointer(&s.b[r*s.bRow+s.bColumn(j)])
			}
			c := r*s.cRow + p*s.cPixel + j
			args.c = unsafe.Pointer(&s.c[c])
			if s.res != nil {
				args.res = unsafe.Pointer(&s.res[c])
			}
			f.call(tile, &args)
		}
		p += tile * tiles
	}
}

// split cuts pixels into tiles of at most the given size. All tiles have the same
// size if possible, otherwise two sizes that differ by one: a small last tile
// would have too few independent sums to keep the multiply-add units busy. It
// returns the size of the first tiles and their number.
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
