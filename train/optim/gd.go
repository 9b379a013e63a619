package optim

import (
	"math"

	"sgdwalk/record"
	"sgdwalk/train"
)

// GD is gradient descent on the whole training set: the rule of [SGD] with the
// training set as its only batch. The gradient is the mean over all examples,
// which the training loop accumulates from micro-batches; see [MicroBatch]. (The
// released code of Xing et al. 2018 sums the micro-batches instead, so its
// learning rate of 0.1 acts as 0.9.)
type GD struct{ SGD }

var _ train.Optimizer = (*GD)(nil)

func gdRule() rule {
	return rule{
		name: "gd", doc: "gradient descent on the whole training set",
		hyper: append(sgdHyper(), Hyperparameter{
			Name: "micro_batch", Default: 500, Min: 1, Max: math.MaxInt32, Whole: true,
			Doc: "examples evaluated at once; decides rounding, and the batches of batch normalization",
		}),
		build: func(v values, layout record.Layout, _ uint64) train.Optimizer {
			return &GD{SGD{newPreparation("gd", v, layout)}}
		},
		edge:       descentEdge,
		microBatch: func(v values) int { return int(v["micro_batch"]) },
	}
}
