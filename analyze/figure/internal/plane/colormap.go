package plane

import (
	"image/color"
	"math"
)

// colormap maps [0, 1] to colours whose perceived distance is proportional to the
// distance of the arguments. Lightness rises all the way, so the map survives a
// grey print, and the hue runs from violet over blue and green to yellow, which
// red-green blind readers tell apart: the design of viridis (Smith and van der
// Walt, 2015), computed in Ottosson's OKLab.
type colormap []color.NRGBA

// sequential computes the map: lightness linear, hue and chroma piecewise linear,
// chroma cut where the screen has no such colour, and then resampled to equal
// distances.
func sequential() colormap {
	const fine, n = 2048, 256
	type knot struct{ t, chroma, hue float64 }
	knots := []knot{{0, 0.115, 298}, {0.25, 0.115, 262}, {0.5, 0.085, 205}, {0.75, 0.125, 150}, {1, 0.165, 108}}
	var labs [fine]oklab
	var along [fine]float64
	for i := range labs {
		t := float64(i) / (fine - 1)
		k := min(int(t*4), 3)
		a, b := knots[k], knots[k+1]
		f := (t - a.t) / (b.t - a.t)
		chroma, hue := a.chroma+f*(b.chroma-a.chroma), (a.hue+f*(b.hue-a.hue))*math.Pi/180
		lab := oklab{0.30 + 0.64*t, chroma * math.Cos(hue), chroma * math.Sin(hue)}
		for !lab.Shown() {
			lab.A *= 0.98
			lab.B *= 0.98
		}
		labs[i] = lab
		if i > 0 {
			along[i] = along[i-1] + lab.distance(labs[i-1])
		}
	}
	out := make(colormap, n)
	j := 0
	for i := range out {
		want := along[fine-1] * float64(i) / (n - 1)
		for j < fine-1 && along[j] < want {
			j++
		}
		out[i] = labs[j].Nrgba()
	}
	return out
}

func (m colormap) at(t float64) color.NRGBA {
	t = math.Max(0, math.Min(1, t))
	return m[int(t*float64(len(m)-1)+0.5)]
}

// oklab is a colour in Ottosson's perceptual space.
type oklab struct{ L, A, B float64 }

func (c oklab) distance(o oklab) float64 {
	return math.Sqrt((c.L-o.L)*(c.L-o.L) + (c.A-o.A)*(c.A-o.A) + (c.B-o.B)*(c.B-o.B))
}

func (c oklab) linear() [3]float64 {
	l := c.L + 0.3963377774*c.A + 0.2158037573*c.B
	m := c.L - 0.1055613458*c.A - 0.0638541728*c.B
	s := c.L - 0.0894841775*c.A - 1.2914855480*c.B
	l, m, s = l*l*l, m*m*m, s*s*s
	return [3]float64{
		4.0767416621*l - 3.3077115913*m + 0.2309699292*s,
		-1.2684380046*l + 2.6097574011*m - 0.3413193965*s,
		-0.0041960863*l - 0.7034186147*m + 1.7076147010*s,
	}
}

func (c oklab) Shown() bool {
	for _, v := range c.linear() {
		if v < -1e-6 || v > 1+1e-6 {
			return false
		}
	}
	return true
}

func (c oklab) Nrgba() color.NRGBA {
	var out [3]uint8
	for i, v := range c.linear() {
		v = math.Max(0, math.Min(1, v))
		if v <= 0.0031308 {
			v *= 12.92
		} else {
			v = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
		out[i] = uint8(v*255 + 0.5)
	}
	return color.NRGBA{out[0], out[1], out[2], 255}
}

// ToOklab is the inverse of nrgba.
func ToOklab(c color.NRGBA) oklab {
	lin := func(v uint8) float64 {
		x := float64(v) / 255
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return fromLinear([3]float64{lin(c.R), lin(c.G), lin(c.B)})
}

// fromLinear takes linear red, green and blue.
func fromLinear(c [3]float64) oklab {
	r, g, b := c[0], c[1], c[2]
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	return oklab{
		0.2104542553*l + 0.7936177850*m - 0.0040720468*s,
		1.9779984951*l - 2.4285922050*m + 0.4505937099*s,
		0.0259040371*l + 0.7827717662*m - 0.8086757660*s,
	}
}
