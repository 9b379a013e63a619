//go:build !amd64

package pca

func kernel(sums *[kernelA * kernelB]float32, a []float32, strideA int, b []float32, strideB, n int) {
	kernelGo(sums, a, strideA, b, strideB, n)
}

func kernelExact(sums *[kernelA * kernelB]float64, a []float32, strideA int, b []float32, strideB, n int) {
	kernelGo(sums, a, strideA, b, strideB, n)
}
