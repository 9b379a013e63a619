//go:build !noasm && (amd64 || arm64)

package kernel

import "unsafe"

// streamArgs are the arguments of an elementwise kernel. Strides and channels are
// in bytes. The assembly gets the offsets of the fields from go_asm.h.
type streamArgs struct {
	t                             [6]unsafe.Pointer
	row                           [6]int
	param                         [4]unsafe.Pointer
	sum                           [2]unsafe.Pointer
	rows, pixels, pixel, channels int
	scalar                        [2]float32
}

// streamWork is the largest number of elements of each tensor in one call, about 20
// microseconds if they come from main memory.
const streamWork = 1 << 14

// runFast runs the kernel in assembly. T is float32 here.
func (s *stream[T]) runFast() {
	const size = 4
	args := streamArgs{
		pixels: s.pixels, pixel: s.pixel * size,
		scalar: [2]float32{float32(s.scalar[0]), float32(s.scalar[1])},
	}
	for i, r := range s.row {
		args.row[i] = r * size
	}
	rows := max(1, streamWork/(s.pixels*s.channel))
	for y := 0; y < s.rows; y += rows {
		args.rows = min(rows, s.rows-y)
		wide := s.channel / panel * panel
		s.call(args, y, 0, wide, true)
		s.call(args, y, wide, s.channel, false)
	}
}

// call runs the kernel on channels from to to-1 of the rows that begin at y. It
// has its own copy of args, because a value that is stored through a pointer
// escapes to the heap.
func (s *stream[T]) call(args streamArgs, y, from, to int, wide bool) {
	if from == to {
		return
	}
	for i, t := range s.t {
		if t != nil {
			args.t[i] = unsafe.Pointer(&t[y*s.row[i]+from])
		}
	}
	for i, p := range s.param {
		if p != nil {
			args.param[i] = unsafe.Pointer(&p[from])
		}
	}
	for i, p := range s.sum {
		if p != nil {
			args.sum[i] = unsafe.Pointer(&p[from])
		}
	}
	args.channels = (to - from) * 4
	streamCall(s.op, wide, &args)
}
