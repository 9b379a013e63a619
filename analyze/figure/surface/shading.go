package surface

import (
	"image/color"
	"math"

	"sgdwalk/analyze/figure/internal/plane"
)

// shading returns how light falls on a cell: a change of lightness, and grey for
// a cell that is seen from below.
func (s *scene) shading(c [4]solid) func(color.NRGBA) color.NRGBA {
	v := s.view
	du, dv := (c[1].u-c[0].u)*v.bu, (c[3].v-c[0].v)*v.bv
	gx := (c[1].w + c[2].w - c[0].w - c[3].w) / 2 * v.bw / du
	gy := (c[3].w + c[2].w - c[0].w - c[1].w) / 2 * v.bw / dv
	n := math.Sqrt(gx*gx + gy*gy + 1)
	seen := (-gx*v.cosA*v.cosE - gy*v.sinA*v.cosE + v.sinE) / n
	// The light is 55 degrees to the left of the viewer and 50 above the ground.
	sin, cos := math.Sincos(math.Atan2(v.sinA, v.cosA) - 55*math.Pi/180)
	up, flat := math.Sin(50*math.Pi/180), math.Cos(50*math.Pi/180)
	light := (-gx*cos*flat - gy*sin*flat + up) / n
	below := seen < 0
	if below {
		light = -light
	}
	factor := 0.75 + 0.26*math.Max(light, -0.3)
	return func(in color.NRGBA) color.NRGBA {
		lab := plane.ToOklab(in)
		if below {
			lab.A, lab.B = lab.A*0.45, lab.B*0.45
		}
		lab.L = math.Min(lab.L*factor, 0.985)
		for !lab.Shown() && math.Hypot(lab.A, lab.B) > 1e-4 {
			lab.A, lab.B = lab.A*0.97, lab.B*0.97
		}
		return lab.Nrgba()
	}
}
