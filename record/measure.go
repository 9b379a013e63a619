package record

// Measure is the result of one pass over some examples.
type Measure struct {
	Loss     float64 // mean cross-entropy over the examples, summed in float64
	Accuracy float64 // fraction of correctly classified examples, in [0, 1]
	Examples int     // number of examples
}
