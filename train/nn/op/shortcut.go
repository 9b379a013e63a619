package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sgdwalk/train/nn/kernel"
)

// The shortcut of residual networks without parameters (He et al. 2016, option
// A): if the image shrinks by a stride, it takes every stride-th pixel; if the
// number of channels grows, the new channels get zeros. Otherwise it is the
// identity.

// shortcutStride returns the stride of the shortcut. An image with a single row or
// column has any stride in that direction, so the other direction decides.
func shortcutStride(to, from kernel.Image) int {
	return max((from.Height+to.Height-1)/to.Height, (from.Width+to.Width-1)/to.Width)
}

// checkResidual returns an error unless a shortcut leads from the residual to the
// result.
func checkResidual(to, from Image, n *G.Node, size int) error {
	s := shortcutStride(to.Image, from.Image)
	if (from.Height-1)/s+1 != to.Height || (from.Width-1)/s+1 != to.Width || from.Real > to.Real {
		return fmt.Errorf("op: residual %v does not fit the result %v", from, to)
	}
	return from.check(n, size)
}

// copyShortcut copies the pixels and channels of the shortcut. It leaves the other
// channels of to unchanged.
func copyShortcut[T Float](to, from kernel.Images[T], channels int) {
	s := shortcutStride(to.Image, from.Image)
	for i := range to.Count() {
		for h := range to.Height {
			for w := range to.Width {
				dst := i*to.Len() + to.At(h, w)
				src := i*from.Len() + from.At(h*s, w*s)
				copy(to.Data[dst:dst+channels], from.Data[src:])
			}
		}
	}
}

// copyShortcutGradient is the transpose of copyShortcut: it copies gradients back
// to the pixels and channels of the shortcut and leaves the others unchanged.
func copyShortcutGradient[T Float](from, to kernel.Images[T], channels int) {
	s := shortcutStride(to.Image, from.Image)
	for i := range to.Count() {
		for h := range to.Height {
			for w := range to.Width {
				src := i*to.Len() + to.At(h, w)
				dst := i*from.Len() + from.At(h*s, w*s)
				copy(from.Data[dst:dst+channels], to.Data[src:])
			}
		}
	}
}
