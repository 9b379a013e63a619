package path

import (
	"math"

	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Fit is what the displacements of one waiting time say about the lags of a
// window, by least squares over the logarithms. Points of one walk are not
// independent: the standard error is too small, and only compares windows.
type Fit struct {
	Wait   int64 `json:"wait"`
	LagMin int64 `json:"lag_min"` // of the points in the window
	LagMax int64 `json:"lag_max"`
	Points int   `json:"points"` // with a finite displacement above 0

	Exponent      record.Optional `json:"exponent"`       // gamma of displacement2 ~ lag^gamma; absent for fewer than 3 points
	ExponentError record.Optional `json:"exponent_error"` // its standard error
	R2            record.Optional `json:"r2"`             // of that fit, in logarithms
	// StepsExponent is the exponent of steps2: what independent directions would give.
	StepsExponent record.Optional `json:"steps_exponent"`
	// LogSlope and LogR2 are those of |displacement| = a + b ln lag, the ultra-slow
	// diffusion of Hoffer et al. (2017). LogR2 is in displacements, R2 in logarithms:
	// PowerR2 is that of the power law in displacements, to compare LogR2 with.
	LogSlope record.Optional `json:"log_slope"`
	LogR2    record.Optional `json:"log_r2"`
	PowerR2  record.Optional `json:"power_r2"`
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
		x, y, length = append(x, math.Log(p.lag)), append(y, math.Log(p.displacement2)), append(length, math.Sqrt(p.displacement2))
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

func fitTable(fits []Fit) record.Table {
	var wait, low, high, points []int64
	var exponent, fault, r2, steps, slope, logR2, powerR2 column.Floats
	for _, f := range fits {
		wait, low, high, points = append(wait, f.Wait), append(low, f.LagMin), append(high, f.LagMax), append(points, int64(f.Points))
		exponent.Add(f.Exponent)
		fault.Add(f.ExponentError)
		r2.Add(f.R2)
		steps.Add(f.StepsExponent)
		slope.Add(f.LogSlope)
		logR2.Add(f.LogR2)
		powerR2.Add(f.PowerR2)
	}
	return record.Table{Columns: []record.Column{
		column.Ints("wait", wait), column.Ints("lag_min", low), column.Ints("lag_max", high), column.Ints("points", points),
		exponent.Column("exponent"), fault.Column("exponent_error"), r2.Column("r2"), steps.Column("steps_exponent"),
		slope.Column("log_slope"), logR2.Column("log_r2"), powerR2.Column("power_r2"),
	}}
}
