package walk

import (
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// segmentRow is a row of Result.Segments, which defines the columns.
type segmentRow struct {
	Row          int64           `col:"row"`
	Step         int64           `col:"step"`
	Epoch        int32           `col:"epoch"`
	LearningRate record.Optional `col:"learning_rate"`
	BatchLoss    record.Optional `col:"batch_loss"`
	StepLength   float64         `col:"step_length"`
	shape
	MAE1      record.Optional `col:"mae_degree_1"`
	MAE2      record.Optional `col:"mae_degree_2"`
	MAE3      record.Optional `col:"mae_degree_3"`
	MAE4      record.Optional `col:"mae_degree_4"`
	R2        record.Optional `col:"r2_degree_2"`
	Nonfinite int             `col:"nonfinite"`
}

// sampleRow is a row of Result.Losses without the losses.
type sampleRow struct {
	Row      int64   `col:"row"`
	Step     int64   `col:"step"`
	Epoch    int32   `col:"epoch"`
	Alpha    float64 `col:"alpha"`
	Position float64 `col:"position"`
}

// builder collects the rows of the tables.
type builder struct {
	alphas []float64
	also   []Measure
	// severalRates says that parameter groups have different learning rates. Then the
	// update has no single rate, and eta_sharpness is absent.
	severalRates bool

	rows    []segmentRow
	points  column.Builder[sampleRow]
	samples [][]float64 // the losses, then each measure of also
}

// newBuilder returns a builder for samples at the alphas, each with the loss and the measures.
func newBuilder(alphas []float64, also []Measure) *builder {
	return &builder{alphas: alphas, also: also, samples: make([][]float64, 1+len(also))}
}

// add appends a segment with the length of its step and the shape of its curve.
func (b *builder) add(s *segment, length float64, f shape) {
	f.sharpness = record.Optional{
		Value: f.curvature.Value / (length * length),
		Valid: f.curvature.Valid && length*length > 0,
	}
	f.etaSharpness = record.Optional{
		Value: s.LearningRate.Value * f.sharpness.Value,
		Valid: f.sharpness.Valid && s.LearningRate.Valid && !b.severalRates,
	}
	b.rows = append(b.rows, segmentRow{
		Row: int64(s.row), Step: s.Step.Step, Epoch: s.Epoch, LearningRate: s.LearningRate, BatchLoss: s.BatchLoss,
		StepLength: length, shape: f,
		MAE1: f.mae[0], MAE2: f.mae[1], MAE3: f.mae[2], MAE4: f.mae[3], R2: f.r2, Nonfinite: f.nonfinite,
	})
}

// addSamples appends one row per alpha to the table of losses.
func (b *builder) addSamples(s *segment, samples []sample) {
	for i, v := range samples {
		b.points.Add(sampleRow{int64(s.row), s.Step.Step, s.Epoch, b.alphas[i], float64(s.Step.Step) + b.alphas[i]})
		for j, x := range v {
			b.samples[j] = append(b.samples[j], x)
		}
	}
}

// losses returns Result.Losses.
func (b *builder) losses() record.Table {
	t := b.points.Table()
	t.Columns = append(t.Columns, record.Column{Name: "loss", Floats: b.samples[0]})
	for i, m := range b.also {
		t.Columns = append(t.Columns, record.Column{Name: m.Name, Floats: b.samples[1+i]})
	}
	return t
}
