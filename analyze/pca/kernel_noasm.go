//go:build noasm || !(amd64 || arm64)

package pca

// Kernel names the arithmetic of this processor; see kernel_asm.go.
func Kernel() string { return "go" }

func combine(sums *[combineSums * combineColumns]float64, x []float32, stride int, coefficients []float64, rows int) {
	combineGo(sums, x, stride, coefficients, rows)
}

func panelProducts(out []float64, stride int, a, b []float32, n int) {
	panelProductsGo(out, stride, a, b, n)
}

func kernelExact(sums *[kernelA * kernelB]float64, a []float32, strideA int, b []float32, strideB, n int) {
	kernelGo(sums, a, strideA, b, strideB, n)
}

func rest(sums *restSums, x []float32, m, v0, v1 []float64, u0, u1 float64, n int) {
	restGo(sums, x, m, v0, v1, u0, u1, n)
}

func subtractPart(dst, a, b []float32) float32 { return subtractGo(dst, a, b) }

func transpose(dst, src []float32, stride, n int) { transposeGo(dst, src, stride, n) }
