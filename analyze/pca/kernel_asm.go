//go:build !noasm && (amd64 || arm64)

package pca

// Kernel names the arithmetic of this processor: "avx2" or "neon", whose
// multiplications and additions are fused, or "go". The last bits of a result
// depend on it. The kernels of "avx2" and of "neon" give the same bits.
func Kernel() string {
	if hasAssembly {
		return assemblyName
	}
	return "go"
}

// panelProductsFast is panelProductsGo with fused multiply-adds and the stride in
// bytes. n is at least 1.
//
//go:noescape
func panelProductsFast(out *float64, stride uintptr, a, b *float32, n uintptr)

// kernelExactFast is kernelGo with four running sums, s0 to s3, of the columns modulo
// 4, which become (s0+s1)+(s2+s3). It fuses multiply-adds and takes strides in bytes.
// n is a positive multiple of lanes.
//
//go:noescape
func kernelExactFast(sums *[kernelA * kernelB]float64, a *float32, strideA uintptr, b *float32, strideB uintptr,
	n uintptr)

// combineFast is combineGo with fused multiply-adds and the stride in bytes. rows
// is at least 1.
//
//go:noescape
func combineFast(sums *[combineSums * combineColumns]float64, x *float32, stride uintptr, coefficients *float64,
	rows uintptr)

// restFast is restGo with eight running sums, s0 to s7, of the columns modulo 8,
// which become ((s0+s4)+(s1+s5)) + ((s2+s6)+(s3+s7)). It fuses multiply-adds. n is a
// positive multiple of lanes.
//
//go:noescape
func restFast(sums *restSums, x *float32, m, v0, v1 *float64, u0, u1 float64, n uintptr)

func rest(sums *restSums, x []float32, m, v0, v1 []float64, u0, u1 float64, n int) {
	if !hasAssembly || n == 0 {
		restGo(sums, x, m, v0, v1, u0, u1, n)
		return
	}
	_, _, _, _ = x[n-1], m[n-1], v0[n-1], v1[n-1]
	restFast(sums, &x[0], &m[0], &v0[0], &v1[0], u0, u1, uintptr(n))
}

// subtractFast is subtractGo. n is a positive multiple of lanes.
//
//go:noescape
func subtractFast(dst, a, b *float32, n uintptr) float32

func subtractPart(dst, a, b []float32) float32 {
	whole := len(a) / lanes * lanes
	if !hasAssembly || whole == 0 {
		return subtractGo(dst, a, b)
	}
	_, _ = dst[len(a)-1], b[len(a)-1]
	return subtractFast(&dst[0], &a[0], &b[0], uintptr(whole)) + subtractGo(dst[whole:], a[whole:], b[whole:])
}

// transposeFast is transposeGo with the stride in bytes. n is a positive multiple
// of lanes.
//
//go:noescape
func transposeFast(dst, src *float32, stride, n uintptr)

func transpose(dst, src []float32, stride, n int) {
	if !hasAssembly || n == 0 {
		transposeGo(dst, src, stride, n)
		return
	}
	_, _ = dst[(n-1)*panelRows+groupRows-1], src[(groupRows-1)*stride+n-1]
	transposeFast(&dst[0], &src[0], uintptr(stride)*4, uintptr(n))
}

func combine(sums *[combineSums * combineColumns]float64, x []float32, stride int, coefficients []float64, rows int) {
	if !hasAssembly || rows == 0 {
		combineGo(sums, x, stride, coefficients, rows)
		return
	}
	_, _ = x[(rows-1)*stride+combineColumns-1], coefficients[rows*combineSums-1]
	combineFast(sums, &x[0], uintptr(stride)*4, &coefficients[0], uintptr(rows))
}

func panelProducts(out []float64, stride int, a, b []float32, n int) {
	if !hasAssembly || n == 0 {
		panelProductsGo(out, stride, a, b, n)
		return
	}
	// The assembly checks no bounds: these do.
	_, _, _ = out[(panelGroup-1)*stride+panelRows-1], a[(n-1)*panelRows+panelGroup-1], b[n*panelRows-1]
	panelProductsFast(&out[0], uintptr(stride)*8, &a[0], &b[0], uintptr(n))
}

func kernelExact(sums *[kernelA * kernelB]float64, a []float32, strideA int, b []float32, strideB, n int) {
	if !hasAssembly || n == 0 {
		kernelGo(sums, a, strideA, b, strideB, n)
		return
	}
	_, _ = a[(kernelA-1)*strideA+n-1], b[(kernelB-1)*strideB+n-1]
	kernelExactFast(sums, &a[0], uintptr(strideA)*4, &b[0], uintptr(strideB)*4, uintptr(n))
}
