package audit

// missingSteps returns the steps that a regular grid lacks. A grid is regular where at least
// three intervals in a row are equal, or steps are doubled at least three times in a row.
// What lies between two regular parts, as between 512 and 1000, belongs to the grid only if
// it continues one of them.
func missingSteps(steps []int64) []int64 {
	var out []int64
	n := len(steps)
	gap := func(i int) int64 { // from step i to i+1; 0 outside
		if i < 0 || i+1 >= n {
			return 0
		}
		return steps[i+1] - steps[i]
	}
	for i := range n - 1 {
		out = append(out, inGap(steps, i, gap)...)
	}
	return out
}

// inGap returns the steps that are missing between step i and the next one.
func inGap(steps []int64, i int, gap func(int) int64) []int64 {
	n := len(steps)
	equal := func(from, direction int, d int64) int { // how many intervals in a row are d
		count := 0
		for k := from; d > 0 && gap(k) == d; k += direction {
			count++
		}
		return count
	}
	doubled := func(from, direction int) int { // how many steps in a row are doubled
		count := 0
		for k := from; k >= 0 && k+1 < n && steps[k] > 0 && steps[k+1] == 2*steps[k]; k += direction {
			count++
		}
		return count
	}
	g := gap(i)
	before, after := equal(i-1, -1, gap(i-1)), equal(i+1, 1, gap(i+1))
	d := gap(i - 1)
	if after > before {
		d = gap(i + 1)
	}
	const regular = 3
	left, right := equal(i-1, -1, d), equal(i+1, 1, d)
	// Steps on a logarithmic grid are rounded, so a few of their intervals are equal by chance.
	isInside := left >= 2 && right >= 2 || left >= 1 && right >= regular
	isEnd := left >= regular && i+2+right == n
	isStart := right >= regular && (steps[i] == d || steps[i] == 0 && g == 2*d)
	if d > 0 && g > d && g%d == 0 && (isInside || isEnd || isStart) && doubled(i, 1)+doubled(i-1, -1) < regular {
		return between(steps[i], steps[i+1], func(s int64) int64 { return s + d })
	}
	twiceBefore, twiceAfter := doubled(i-1, -1), doubled(i+1, 1)
	switch low, high := steps[i], steps[i+1]; {
	case low == 0 && twiceAfter >= regular && high > 1 && high <= 8 && high&(high-1) == 0:
		return between(1, high, func(s int64) int64 { return 2 * s }, 1)
	case low > 0 && twiceBefore+twiceAfter >= regular && (twiceBefore > 0 || low == 1) && high > 2*low && isPowerTimes(high, low) &&
		(twiceAfter > 0 || i+2 == n || high == 4*low):
		return between(low, high, func(s int64) int64 { return 2 * s })
	case twiceBefore >= regular && right >= regular:
		// From doubled steps to multiples of d.
		var out []int64
		if next := 2 * low; next < d && 2*next >= d && next < high {
			out = append(out, next)
			low = next
		}
		for s := (low/d + 1) * d; s < high && high%d == 0; s += d {
			out = append(out, s)
		}
		return out
	}
	return nil
}

// isPowerTimes reports whether high is low times a power of two.
func isPowerTimes(high, low int64) bool {
	for low < high {
		low *= 2
	}
	return low == high
}

// between returns the steps after low and below high; also low itself if it is given again.
func between(low, high int64, next func(int64) int64, also ...int64) []int64 {
	out := append([]int64(nil), also...)
	for s := next(low); s < high; s = next(s) {
		out = append(out, s)
	}
	return out
}

// findMissingSteps reports the steps that a regular grid lacks.
func (j *judge) findMissingSteps() {
	for _, s := range missingSteps(j.steps) {
		j.findings = append(j.findings, Finding{
			Check: MissingStep, Severity: Warning, Step: s,
			Text: "step " + listSteps([]int64{s}) + " is missing: the steps before and after it are on a regular grid",
		})
	}
	n := len(j.steps)
	if n >= 5 && j.steps[0] == 1 && j.steps[1] == 2 && j.steps[2] == 4 && j.steps[3] == 8 {
		j.findings = append(j.findings, Finding{
			Check: MissingStep, Severity: Warning, Step: 0,
			Text: "step 0 is missing: the steps after it, 1, 2, 4, 8, are those of a series that begins with the initialization",
		})
	}
}
