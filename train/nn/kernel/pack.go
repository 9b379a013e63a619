package kernel

// PackedLen returns the length of the packed form of a weight matrix.
func PackedLen(out, in int) int { return (out + panel - 1) / panel * panel * in }

// Pack copies the weights w, of shape (out, in), to dst in the order of
// [MulPacked]: panels of 16 outputs, and within a panel the 16 weights of one
// input after the other. Zeros fill up the last panel:
//
//	dst[(o/16*in+i)*16 + o%16] = w[o, i]
//
// dst has PackedLen(out, in) elements. Panels are independent: goroutines may pack
// w.Band(16*i, 16*j) into dst[16*i*in:16*j*in] at the same time.
func Pack[T Float](dst []T, w Matrix[T]) {
	for o := 0; o < w.Rows; o += panel {
		packPanel(dst[o*w.Cols:][:panel*w.Cols], w.Band(o, min(o+panel, w.Rows)))
	}
}

// packPanel packs up to 16 outputs.
func packPanel[T Float](dst []T, w Matrix[T]) {
	if w.Rows < panel {
		clear(dst)
	}
	for o := 0; o < w.Rows; o += half {
		n := min(half, w.Rows-o)
		done := 0
		if n == half && fast[T]() {
			done = transposeFast(dst[o:], w.Data[o*w.Stride:], w.Cols, w.Stride, panel)
		}
		for q := o; q < o+n; q++ {
			row := w.Data[q*w.Stride:][:w.Cols]
			for i := done; i < len(row); i++ {
				dst[i*panel+q] = row[i]
			}
		}
	}
}
