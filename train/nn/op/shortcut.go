package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sgdwalk/train/nn/kernel"
)

// The parameter-free shortcut of residual networks (He et al. 2016, option A):
// where the map of features shrinks by a stride, every stride-th pixel is taken;
// where it has more channels, zeros stand for the new ones. Without a change of
// size it is the identity.

// shortcutStride is the distance of the pixels that are taken. A single row or
// column does not tell it; the other extent does, or it does not matter.
func shortcutStride(to, from kernel.Image) int {
	return max((from.Height+to.Height-1)/to.Height, (from.Width+to.Width-1)/to.Width)
}

// checkResidual reports a residual that does not go to the result's size.
func checkResidual(to, from Image, n *G.Node, size int) error {
	s := shortcutStride(to.Image, from.Image)
	if (from.Height-1)/s+1 != to.Height || (from.Width-1)/s+1 != to.Width || from.Real > to.Real {
		return fmt.Errorf("op: residual %v does not go to %v", from, to)
	}
	return from.check(n, size)
}

// takeShortcut copies the pixels and channels that a shortcut takes; the other
// channels of to are left alone.
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

// giveShortcut is the transpose of takeShortcut: it hands gradients back to the
// pixels and channels that were taken; the others are left alone.
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
