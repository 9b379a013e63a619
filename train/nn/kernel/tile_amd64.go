//go:build !noasm

package kernel

import "unsafe"

//go:generate go run ./internal/gen .

// tileArgs are the arguments of a tile kernel; strides are in bytes. The
// assembly takes the offsets of the fields from go_asm.h.
type tileArgs struct {
	a, b, c, bias, res             unsafe.Pointer // res may be nil
	rows, tiles, n, m, k           int
	aRow, cRow                     int
	aPixel, aInner, bInner, bPanel int
	aMiddle, bMiddle               int // from behind an inner loop to the next one
	aOuter, bOuter                 int // from behind a middle loop to the next one, after that
	cPixel                         int
	low                            float32
}

// zeros stands for an absent bias.
var zeros [2 * panel]float32

// tileWork is how many multiply-adds one call of a kernel may do, about 20
// microseconds: the runtime cannot stop a goroutine inside assembly, and the
// garbage collector waits for it.
const tileWork = 1 << 20

// statsBlock is how many results are computed before their statistics are
// taken, while they are in the first-level cache.
const statsBlock = 4096

// tileForm is a register shape of the tile kernel.
type tileForm struct{ vectors, lanes, most int }

// form returns the shape for the given number of columns left.
func form(columns int) tileForm {
	switch {
	case columns < panel:
		return tileForm{1, 8, 14}
	case active != useAVX512:
		return tileForm{2, 8, 6}
	case columns < 2*panel:
		return tileForm{1, 16, 16}
	default:
		return tileForm{2, 16, 8}
	}
}

// call runs the kernel for tiles of the given pixels.
func (f tileForm) call(tile int, args *tileArgs) {
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

// runFast is run in assembly. T is float32 here.
func (s *sweep[T]) runFast() {
	const size = 4
	args := tileArgs{
		n: s.inner, m: s.middle, k: s.outer,
		aRow: s.aRow * size, cRow: s.cRow * size,
		aPixel: s.aPixel * size, aInner: s.aInner * size, bInner: s.bInner * size, bPanel: s.bPanel * size,
		aMiddle: (s.aMiddle - s.inner*s.aInner) * size, bMiddle: (s.bMiddle - s.inner*s.bInner) * size,
		aOuter: (s.aOuter - s.middle*s.aMiddle) * size, bOuter: (s.bOuter - s.middle*s.bMiddle) * size,
		cPixel: s.cPixel * size,
		low:    float32(s.low),
		bias:   unsafe.Pointer(&zeros),
	}
	for j := 0; j < s.width; {
		f := form(s.width - j)
		columns := f.vectors * f.lanes
		if s.outer > 0 {
			args.b = unsafe.Pointer(&s.b[s.bColumn(j)])
		}
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

// columns computes the columns of one register shape, from j on, of n rows from y
// on. It has its own copy of args: what is stored through a pointer escapes.
func (s *sweep[T]) columns(args tileArgs, f tileForm, y, n, j int) {
	limit := max(1, tileWork/max(1, s.inner*s.middle*s.outer*f.vectors*f.lanes)) // pixels in a call
	for p := 0; p < s.pixels; {
		tile, tiles := split(s.pixels-p, f.most)
		tiles = min(tiles, max(1, limit/tile))
		rows := max(1, limit/(tile*tiles))
		args.tiles = tiles
		for r := y; r < y+n; r += rows {
			args.rows = min(rows, y+n-r)
			if s.outer > 0 {
				args.a = unsafe.Pointer(&s.a[r*s.aRow+p*s.aPixel])
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
