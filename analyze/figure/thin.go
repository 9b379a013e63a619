package figure

import (
	"fmt"
	"math"
)

// Values of a line that are more than denseValues to a point of the page cannot be told apart,
// and hide the lines beneath them. A line over steps then has the mean of thinnedRoom points.
const (
	denseValues = 1.5
	thinnedRoom = 2.0
)

// bandAlpha is the opacity of bands.
const bandAlpha = 0.2

// thinned returns a line whose values are too dense for a frame of this width as the means over
// every neighbouring values, with a band from their lowest to their highest. A value that is
// not finite takes no part. Marks, stems and lines with a band of their own stay as they are.
func thinned(s Series, width float64) (out Series, every int) {
	if s.Low != nil || s.Points || s.Apart || s.Stems || float64(len(s.X)) <= denseValues*width {
		return s, 1
	}
	every = int(math.Ceil(float64(len(s.X)) * thinnedRoom / width))
	out = s
	out.X, out.Y = nil, nil
	for from := 0; from < len(s.X); from += every {
		to := min(from+every, len(s.X))
		x, y, n, low, top := 0.0, 0.0, 0.0, math.Inf(1), math.Inf(-1)
		for i := from; i < to; i++ {
			if v := s.Y[i]; v-v == 0 && s.X[i]-s.X[i] == 0 {
				x, y, n, low, top = x+s.X[i], y+v, n+1, min(low, v), max(top, v)
			}
		}
		if n == 0 {
			x, y, n, low, top = s.X[from], math.NaN(), 1, math.NaN(), math.NaN()
		}
		out.X, out.Y, out.Low, out.Top = append(out.X, x/n), append(out.Y, y/n), append(out.Low, low), append(out.Top, top)
	}
	return out, every
}

// thinnedNote says what is drawn in the place of dense values.
func thinnedNote(what string, every int) string {
	return fmt.Sprintf("%s are means over %d neighbouring steps, with a band from the lowest to the highest.", what, every)
}

// thinnedAll thins several lines over one axis, and says so when it does.
func thinnedAll(series []Series, width float64) (out []Series, note string) {
	most := 1
	for _, s := range series {
		s, every := thinned(s, width)
		out, most = append(out, s), max(most, every)
	}
	if most > 1 {
		note = thinnedNote("Lines", most)
	}
	return out, note
}
