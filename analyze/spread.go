package analyze

// Spread returns at most k of the numbers 0 to n-1, evenly spaced and ascending. They
// include the first and the last number; k = 1 gives only the last, because the last
// iterate matters most, and k <= 0 gives none.
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
