package analyze

// Spread returns at most k of the numbers 0 to n-1, evenly spaced, the first and
// the last among them as far as k allows: the last alone for k = 1, none for less.
func Spread(n, k int) []int {
	k = min(n, k)
	switch {
	case k <= 0:
		return nil
	case k == 1:
		return []int{n - 1}
	}
	l := make([]int, k)
	for i := range l {
		l[i] = (i*(n-1) + (k-1)/2) / (k - 1) // rounded to nearest
	}
	return l
}
