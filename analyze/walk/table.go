package walk

import (
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// segmentRow is a row of Result.Segments, which defines the columns.
type segmentRow struct {
	Row                int64           `col:"row"`
	Step               int64           `col:"step"`
	Epoch              int32           `col:"epoch"`
	LearningRate       record.Optional `col:"learning_rate"`
	BatchLoss          record.Optional `col:"batch_loss"`
	StepLength         float64         `col:"step_length"`
	LossStart          record.Optional `col:"loss_start"`
	LossEnd            record.Optional `col:"loss_end"`
	LossResolution     record.Optional `col:"loss_resolution"`
	Rises              column.Truth    `col:"rises"`
	FloorPosition      record.Optional `col:"floor_position"`
	FloorLoss          record.Optional `col:"floor_loss"`
	FloorAtEdge        column.Truth    `col:"floor_at_edge"`
	FloorInterior      column.Truth    `col:"floor_interior"`
	HeightStart        record.Optional `col:"height_start"`
	HeightEnd          record.Optional `col:"height_end"`
	HeightMean         record.Optional `col:"height_mean"`
	Barrier            column.Truth    `col:"barrier"`
	BarrierHeight      record.Optional `col:"barrier_height"`
	BarrierAlpha       record.Optional `col:"barrier_alpha"`
	ChordBarrierHeight record.Optional `col:"chord_barrier_height"`
	InteriorMaxima     int             `col:"interior_maxima"`
	SlopeStart         record.Optional `col:"slope_start"`
	SlopeEnd           record.Optional `col:"slope_end"`
	Curvature          record.Optional `col:"curvature"`
	CurvatureSource    string          `col:"curvature_source"`
	Sharpness          record.Optional `col:"sharpness"`
	EtaSharpness       record.Optional `col:"eta_sharpness"`
	ParabolaPosition   record.Optional `col:"parabola_position"`
	CockpitAlpha       record.Optional `col:"cockpit_alpha"`
	MAE1               record.Optional `col:"mae_degree_1"`
	MAE2               record.Optional `col:"mae_degree_2"`
	MAE3               record.Optional `col:"mae_degree_3"`
	MAE4               record.Optional `col:"mae_degree_4"`
	R2                 record.Optional `col:"r2_degree_2"`
	Nonfinite          int             `col:"nonfinite"`
}

// sampleRow is a row of Result.Losses without the losses.
type sampleRow struct {
	Row      int64   `col:"row"`
	Step     int64   `col:"step"`
	Epoch    int32   `col:"epoch"`
	Alpha    float64 `col:"alpha"`
	Position float64 `col:"position"`
}

// builder collects the rows of the tables and counts segments for the summary.
type builder struct {
	alphas       []float64
	also         []Measure
	severalRates bool // parameter groups have different learning rates: the update has no single rate

	zero        int // segments of length 0
	noFloor     int // segments without a floor
	noCurvature int // segments without a curvature
	products    int // segments whose curvature comes from a product

	table   column.Builder[segmentRow]
	places  column.Builder[sampleRow]
	samples [][]float64 // the losses, then each measure of also
}

func newBuilder(alphas []float64, also []Measure) *builder {
	return &builder{alphas: alphas, also: also, samples: make([][]float64, 1+len(also))}
}

// add appends a segment with the length of its step and the shape of its curve.
func (b *builder) add(s *segment, length float64, f shape) {
	for _, c := range []struct {
		n  *int
		is bool
	}{
		{&b.zero, f.zero},
		{&b.noFloor, f.unresolved() && !f.floorPosition.Valid},
		{&b.noCurvature, f.unresolved()},
		{&b.products, f.source == fromHessian},
	} {
		if c.is {
			*c.n++
		}
	}
	sharpness := record.Optional{
		Value: f.curvature.Value / (length * length),
		Valid: f.curvature.Valid && length*length > 0,
	}
	etaSharpness := record.Optional{
		Value: s.LearningRate.Value * sharpness.Value,
		Valid: sharpness.Valid && s.LearningRate.Valid && !b.severalRates,
	}
	b.table.Add(segmentRow{
		Row: int64(s.row), Step: s.Step.Step, Epoch: s.Epoch, LearningRate: s.LearningRate, BatchLoss: s.BatchLoss,
		StepLength: length, LossStart: f.start, LossEnd: f.end, LossResolution: f.resolution, Rises: f.rises,
		FloorPosition: f.floorPosition, FloorLoss: f.floorLoss,
		FloorAtEdge: f.floorAtEdge, FloorInterior: f.floorInterior,
		HeightStart: f.heightStart, HeightEnd: f.heightEnd, HeightMean: f.heightMean,
		Barrier: f.barrier, BarrierHeight: f.barrierHeight, BarrierAlpha: f.barrierAlpha,
		ChordBarrierHeight: f.chordBarrierHeight, InteriorMaxima: f.interiorMaxima,
		SlopeStart: f.slopeStart, SlopeEnd: f.slopeEnd, Curvature: f.curvature, CurvatureSource: f.source,
		Sharpness: sharpness, EtaSharpness: etaSharpness,
		ParabolaPosition: f.parabolaPosition, CockpitAlpha: f.cockpitAlpha,
		MAE1: f.mae[0], MAE2: f.mae[1], MAE3: f.mae[2], MAE4: f.mae[3], R2: f.r2, Nonfinite: f.nonfinite,
	})
}

// addSamples appends one row per alpha to the table of losses.
func (b *builder) addSamples(s *segment, samples []sample) {
	for i, v := range samples {
		b.places.Add(sampleRow{int64(s.row), s.Step.Step, s.Epoch, b.alphas[i], float64(s.Step.Step) + b.alphas[i]})
		for j, x := range v {
			b.samples[j] = append(b.samples[j], x)
		}
	}
}

func (b *builder) segments() record.Table { return b.table.Table() }

func (b *builder) losses() record.Table {
	t := b.places.Table()
	t.Columns = append(t.Columns, record.Column{Name: "loss", Floats: b.samples[0]})
	for i, m := range b.also {
		t.Columns = append(t.Columns, record.Column{Name: m.Name, Floats: b.samples[1+i]})
	}
	return t
}
