package path

import (
	"math"

	"sgdwalk/record"
)

// IterateRow is a row of Result.Table: what is known of one iterate. Its fields are
// the columns.
type IterateRow struct {
	Row           int64           `col:"row"`
	Step          int64           `col:"step"`
	Epoch         int32           `col:"epoch"`
	LearningRate  record.Optional `col:"learning_rate"`
	BatchLoss     record.Optional `col:"batch_loss"`
	BatchAccuracy record.Optional `col:"batch_accuracy"`
	FullLoss      record.Optional `col:"full_loss"`
	TestLoss      record.Optional `col:"test_loss"`
	geometry
	PathLength record.Optional `col:"path_length"`
}

// layerRow is a row of Result.Layers.
type layerRow struct {
	Row    int64       `col:"row"`
	Step   int64       `col:"step"`
	Tensor string      `col:"tensor"`
	Kind   record.Kind `col:"kind"`
	geometry
}

// geometry has the lengths and cosines of an iterate, over one tensor or over all.
type geometry struct {
	ThetaNorm     record.Optional `col:"theta_norm"`
	GradNorm      record.Optional `col:"grad_norm"`
	GradCos       record.Optional `col:"grad_cos"`
	UpdateNorm    record.Optional `col:"update_norm"`
	UpdateCos     record.Optional `col:"update_cos"`
	GradUpdateCos record.Optional `col:"grad_update_cos"`
	Displacement  record.Optional `col:"displacement"`
}

// newGeometry takes the sums of an iterate and of the iterate before it.
func newGeometry(now, before sums, p present) geometry {
	return geometry{
		ThetaNorm:     norm(now.theta2, p.theta),
		GradNorm:      norm(now.grad2, p.grad),
		GradCos:       angle(now.grads, before.grad2, now.grad2, p.grads),
		UpdateNorm:    norm(now.update2, p.update),
		UpdateCos:     angle(now.updates, before.update2, now.update2, p.updates),
		GradUpdateCos: angle(now.gradUpdate, now.grad2, now.update2, p.grad && p.update),
		Displacement:  norm(now.displacement2, p.start),
	}
}

func norm(squared float64, ok bool) record.Optional {
	return record.Optional{Value: math.Sqrt(squared), Valid: ok}
}

func angle(dot, a2, b2 float64, ok bool) record.Optional {
	c, hasDirection := cosine(dot, a2, b2)
	return record.Optional{Value: c, Valid: ok && hasDirection}
}
