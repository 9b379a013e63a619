package pca

// restSums are sums over the columns of a row c = x - m, and of what is left of it
// without a part of two components, r = c - u0 v0 - u1 v1.
type restSums [4]float64 // c c, r r, r v0, r v1

// restGo sets the sums over n columns, n a multiple of lanes. It is what
// processors without the assembly run, and what the assembly is tested against.
func restGo(sums *restSums, x []float32, m, v0, v1 []float64, u0, u1 float64, n int) {
	m, v0, v1 = m[:n], v0[:n], v1[:n]
	var total, residual, r0, r1 float64
	for j, v := range x[:n] {
		c := float64(v) - m[j]
		r := c - float64(u0*v0[j]) - float64(u1*v1[j]) // conversions round on every processor
		total += float64(c * c)
		residual += float64(r * r)
		r0 += float64(r * v0[j])
		r1 += float64(r * v1[j])
	}
	*sums = restSums{total, residual, r0, r1}
}
