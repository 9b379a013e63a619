package path

import (
	"math"

	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// builder collects the rows of one of the two tables.
type builder struct {
	perTensor bool

	row, step, epoch []int64
	tensor, kind     []string

	learningRate, batchLoss, batchAccuracy, fullLoss, testLoss column.Floats

	thetaNorm, gradNorm, gradCos, updateNorm, updateCos, gradUpdateCos, displacement, pathLength column.Floats
}

func newBuilder(perTensor bool) *builder { return &builder{perTensor: perTensor} }

// add appends a row: the sums of iterate c and of the iterate before it, over
// one tensor or, when t is nil, over all.
func (b *builder) add(c *iterate, t *record.Tensor, now, before sums, p present, pathLength float64) {
	b.row = append(b.row, int64(c.row))
	b.step = append(b.step, c.Step.Step)
	if t != nil {
		b.tensor, b.kind = append(b.tensor, t.Name), append(b.kind, string(t.Kind))
	} else {
		b.epoch = append(b.epoch, int64(c.Epoch))
		b.learningRate.Add(c.LearningRate)
		b.batchLoss.Add(c.BatchLoss)
		b.batchAccuracy.Add(c.BatchAccuracy)
		b.fullLoss.Add(c.FullLoss)
		b.testLoss.Add(c.TestLoss)
		b.pathLength.Add(record.Optional{Value: pathLength, Valid: p.theta})
	}
	b.thetaNorm.Add(norm(now.theta2, p.theta))
	b.gradNorm.Add(norm(now.grad2, p.grad))
	b.gradCos.Add(angle(now.grads, before.grad2, now.grad2, p.grads))
	b.updateNorm.Add(norm(now.update2, p.update))
	b.updateCos.Add(angle(now.updates, before.update2, now.update2, p.updates))
	b.gradUpdateCos.Add(angle(now.gradUpdate, now.grad2, now.update2, p.grad && p.update))
	b.displacement.Add(norm(now.displacement2, p.start))
}

func norm(squared float64, ok bool) record.Optional {
	return record.Optional{Value: math.Sqrt(squared), Valid: ok}
}

func angle(dot, a2, b2 float64, ok bool) record.Optional {
	c, hasDirection := cosine(dot, a2, b2)
	return record.Optional{Value: c, Valid: ok && hasDirection}
}

func (b *builder) table() record.Table {
	t := record.Table{Columns: []record.Column{column.Ints("row", b.row), column.Ints("step", b.step)}}
	if b.perTensor {
		t.Columns = append(t.Columns, column.Strings("tensor", b.tensor), column.Strings("kind", b.kind))
	} else {
		t.Columns = append(
			t.Columns,
			column.Ints("epoch", b.epoch),
			b.learningRate.Column("learning_rate"),
			b.batchLoss.Column("batch_loss"),
			b.batchAccuracy.Column("batch_accuracy"),
			b.fullLoss.Column("full_loss"),
			b.testLoss.Column("test_loss"),
		)
	}
	t.Columns = append(
		t.Columns,
		b.thetaNorm.Column("theta_norm"),
		b.gradNorm.Column("grad_norm"),
		b.gradCos.Column("grad_cos"),
		b.updateNorm.Column("update_norm"),
		b.updateCos.Column("update_cos"),
		b.gradUpdateCos.Column("grad_update_cos"),
		b.displacement.Column("displacement"),
	)
	if !b.perTensor {
		t.Columns = append(t.Columns, b.pathLength.Column("path_length"))
	}
	return t
}
