package exchange

import (
	"math"
)

// stridesOf returns the strides of a tensor with at least one element, and the number of
// elements of its storage from the first to the last one that it uses. strides is nil for a
// contiguous tensor in row-major order. span is MaxInt64 when it exceeds an int64.
func stridesOf(shape, stride []int) (strides []int, span int64) {
	span = 1
	next := 1 // stride of the next dimension of a contiguous tensor
	for i := len(shape) - 1; i >= 0; i-- {
		n := shape[i]
		if n == 1 { // its stride does not matter
			continue
		}
		if stride[i] != next {
			strides = stride
		}
		next *= n
		if int64(stride[i]) > (math.MaxInt64-span)/int64(n) {
			return stride, math.MaxInt64
		}
		span += int64(stride[i]) * int64(n-1)
	}
	return strides, span
}

// fortranStrides returns the strides of an array whose first index varies fastest.
func fortranStrides(shape []int) []int {
	strides := make([]int, len(shape))
	next := 1
	for i, n := range shape {
		strides[i] = next
		next *= n
	}
	return strides
}

// gather sets dst to the elements of an array from first on, in row-major order. The bytes b
// begin at the first element of the array and have its whole span.
func (a *array) gather(dst []float32, first int, b []byte) error {
	index := make([]int, len(a.shape))
	at, rest := 0, first
	for d := len(index) - 1; d >= 0; d-- {
		index[d] = rest % a.shape[d]
		rest /= a.shape[d]
		at += index[d] * a.strides[d]
	}
	last := len(index) - 1
	width, step := a.element.width, a.strides[last]
	for len(dst) > 0 {
		n := min(len(dst), a.shape[last]-index[last])
		for i := range dst[:n] {
			if err := a.element.convert(dst[i:i+1], b[(at+i*step)*width:]); err != nil {
				return err
			}
		}
		dst = dst[n:]
		at += n * step
		index[last] += n
		// Count up the index like an odometer, the last dimension fastest.
		for d := last; d > 0 && index[d] == a.shape[d]; d-- {
			at += a.strides[d-1] - index[d]*a.strides[d]
			index[d] = 0
			index[d-1]++
		}
	}
	return nil
}
