//go:build !noasm

package pca

const assemblyName = "neon"

var hasAssembly = true // every arm64 processor that Go supports has NEON
