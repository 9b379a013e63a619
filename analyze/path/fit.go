package path

import (
	"math"

	"sgdwalk/record"
)

// Fit is a least-squares fit, over logarithms, of the displacements of one waiting time
// in a window of lags. The points of one walk are not independent: the standard error is
// too small and only compares windows.
type Fit struct {
	Wait   int64 `json:"wait" col:"wait"`
	LagMin int64 `json:"lag_min" col:"lag_min"` // of the points in the window
	LagMax int64 `json:"lag_max" col:"lag_max"`
	Points int   `json:"points" col:"points"` // with a finite displacement above 0

	// Exponent is gamma of displacement2 ~ lag^gamma; absent for fewer than 3 points.
	Exponent      record.Optional `json:"exponent" col:"exponent"`
	ExponentError record.Optional `json:"exponent_error" col:"exponent_error"` // standard error of Exponent
	R2            record.Optional `json:"r2" col:"r2"`                         // of the same fit, in logarithms
	// StepsExponent is the exponent of steps2, which independent directions would give.
	StepsExponent record.Optional `json:"steps_exponent" col:"steps_exponent"`
	// LogSlope is b of the fit |displacement| = a + b ln lag, the ultra-slow diffusion of
	// Hoffer et al. (2017), and LogR2 its R^2. LogR2 is computed in displacements and R2
	// in logarithms. PowerR2 is the R^2 of the power law in displacements, to compare
	// with LogR2.
	LogSlope record.Optional `json:"log_slope" col:"log_slope"`
	LogR2    record.Optional `json:"log_r2" col:"log_r2"`
	PowerR2  record.Optional `json:"power_r2" col:"power_r2"`
}

// fitPoint is one displacement.
type fitPoint struct {
	lag, displacement2 float64
	steps2             record.Optional
}

// fit takes the points with low <= lag < high.
func fit(wait int64, points []fitPoint, low, high float64) Fit {
	f := Fit{Wait: wait}
	var x, y, length, z []float64
	steps := true
	for _, p := range points {
		if p.lag < low || p.lag >= high || !(p.displacement2 > 0) || math.IsInf(p.displacement2, 0) {
			continue
		}
		if f.Points == 0 {
			f.LagMin = int64(p.lag)
		}
		f.LagMax = int64(p.lag)
		f.Points++
		x, y, length = append(x, math.Log(p.lag)), append(y, math.Log(p.displacement2)), append(length,
			math.Sqrt(p.displacement2))
		steps = steps && p.steps2.Valid && p.steps2.Value > 0
		z = append(z, math.Log(p.steps2.Value))
	}
	if f.Points < 3 {
		return f
	}
	power := regress(x, y)
	f.Exponent, f.ExponentError, f.R2 = record.Some(power.slope), record.Some(power.slopeError), power.r2
	if steps {
		f.StepsExponent = record.Some(regress(x, z).slope)
	}
	logarithm := regress(x, length)
	f.LogSlope, f.LogR2 = record.Some(logarithm.slope), logarithm.r2
	predicted := make([]float64, len(x))
	for i := range x {
		predicted[i] = math.Exp((power.intercept + power.slope*x[i]) / 2)
	}
	f.PowerR2 = explained(length, predicted)
	return f
}

// regression is y = intercept + slope x.
type regression struct {
	intercept, slope, slopeError float64
	r2                           record.Optional // absent for a constant y
}

// regress is ordinary least squares over at least three points of different x.
func regress(x, y []float64) regression {
	n := float64(len(x))
	var mx, my float64
	for i := range x {
		mx, my = mx+x[i]/n, my+y[i]/n
	}
	var xx, xy float64
	for i := range x {
		xx += float64((x[i] - mx) * (x[i] - mx))
		xy += float64((x[i] - mx) * (y[i] - my))
	}
	r := regression{slope: xy / xx}
	r.intercept = my - r.slope*mx
	predicted := make([]float64, len(x))
	rest := 0.0
	for i := range x {
		predicted[i] = r.intercept + r.slope*x[i]
		rest += float64((y[i] - predicted[i]) * (y[i] - predicted[i]))
	}
	r.slopeError = math.Sqrt(rest / (n - 2) / xx)
	r.r2 = explained(y, predicted)
	return r
}

// explained returns 1 - sum of squared residuals / sum of squares around the mean.
func explained(y, predicted []float64) record.Optional {
	n, mean := float64(len(y)), 0.0
	for _, v := range y {
		mean += v / n
	}
	var rest, all float64
	for i, v := range y {
		rest += float64((v - predicted[i]) * (v - predicted[i]))
		all += float64((v - mean) * (v - mean))
	}
	return record.Optional{Value: 1 - rest/all, Valid: all > 0}
}
