package curvature

import (
	"context"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// criticalRatio is how closely the critical step is known: the largest ratio of the
// two steps that enclose it.
const criticalRatio = 1.01

// criticalSteps bounds the search: the critical step is between 2^-criticalSteps and
// 2^criticalSteps updates.
const criticalSteps = 12

// CriticalSharpness returns 2/eta_c. eta_c is the critical learning rate: the smallest
// one at which a step along the update leaves the loss as large as it was. On a
// quadratic and along the gradient it is g'Hg / g'g, so that SGD lowers the loss as long
// as the learning rate is below 2 over it (arXiv 2601.16979).
//
// theta is the iterate, update the step that the optimizer took with the learning rate
// eta, loss the loss at theta. The search doubles or halves the update until the loss
// is enclosed and then bisects: about ten evaluations. The value is absent, with the
// reason in words, if the update raises the loss at any length, or at none.
func CriticalSharpness(ctx context.Context, g analyze.Loss, theta, update []float32, loss,
	eta float64,
) (sharpness record.Optional, absent string, err error) {
	if !(eta > 0) {
		return sharpness, "the learning rate is missing", nil
	}
	point := make([]float32, len(theta))
	rises := func(share float64) (bool, error) {
		for i, t := range theta {
			point[i] = float32(float64(t) + float64(share*float64(update[i])))
		}
		l, err := g.Loss(ctx, point)
		if err != nil {
			return false, fmt.Errorf("curvature: critical sharpness at %v of the update: %w", share, err)
		}
		return !(l <= loss), nil // NaN and infinity count as a rise
	}
	share := 1.0
	up, err := rises(share)
	if err != nil {
		return sharpness, "", err
	}
	factor := 2.0
	if up {
		factor = 0.5
	}
	low, high := 0.0, 0.0
	for range criticalSteps {
		next := share * factor
		now, err := rises(next)
		if err != nil {
			return sharpness, "", err
		}
		if now != up {
			low, high = min(share, next), max(share, next)
			break
		}
		share = next
	}
	if high == 0 {
		if up {
			return sharpness, "the loss rises along the update however short it is", nil
		}
		return sharpness, fmt.Sprintf("the loss does not rise along %d times the update", 1<<criticalSteps), nil
	}
	for high > criticalRatio*low {
		middle := (low + high) / 2
		now, err := rises(middle)
		if err != nil {
			return sharpness, "", err
		}
		if now {
			high = middle
		} else {
			low = middle
		}
	}
	return record.Some(2 / (eta * (low + high) / 2)), "", nil
}
