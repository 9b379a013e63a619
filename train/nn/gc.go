package nn

// Gorgonia's tensors access memory in a way that is correct only if the garbage
// collector does not move objects. The package below, which both of them import,
// panics at start with Go releases that its version does not know. This import
// makes its version a direct requirement of this module, so that go mod tidy
// keeps the version in go.mod.
import _ "go4.org/unsafe/assume-no-moving-gc"
