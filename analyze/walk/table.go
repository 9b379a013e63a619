package walk

import (
	"strconv"

	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// builder collects the rows of the tables.
type builder struct {
	alphas []float64
	also   []Measure

	row, step, epoch, maxima, nonfinite        []int64
	severalRates                               bool // no one learning rate is that of the update
	zero, noFloor, noCurvature, products       int  // segments of length 0; that have no floor, no curvature; whose curvature is a product's
	source                                     []string
	resolution                                 column.Floats
	learningRate, batchLoss, length            column.Floats
	start, end, floorPosition, floorLoss       column.Floats
	rises, floorAtEdge, floorInterior, barrier column.Bools
	heightStart, heightEnd, heightMean         column.Floats
	barrierHeight, barrierAlpha, chord         column.Floats
	slopeStart, slopeEnd, curvature            column.Floats
	sharpness, etaSharpness                    column.Floats
	parabolaPosition, cockpitAlpha, r2         column.Floats
	mae                                        [4]column.Floats
	sampleRow, sampleStep, sampleEpoch         []int64
	sampleAlpha, samplePosition                []float64
	samples                                    [][]float64 // the loss, then also
}

func newBuilder(alphas []float64, also []Measure) *builder {
	return &builder{alphas: alphas, also: also, samples: make([][]float64, 1+len(also))}
}

func (b *builder) add(s *segment, length float64, f shape) {
	b.row = append(b.row, int64(s.row))
	b.step = append(b.step, s.Step.Step)
	b.epoch = append(b.epoch, int64(s.Epoch))
	b.learningRate.Add(s.LearningRate)
	b.batchLoss.Add(s.BatchLoss)
	b.length.Add(record.Some(length))
	b.start.Add(f.start)
	b.end.Add(f.end)
	b.resolution.Add(f.resolution)
	for _, c := range []struct {
		n  *int
		is bool
	}{{&b.zero, f.zero}, {&b.noFloor, f.unresolved() && !f.floorPosition.Valid}, {&b.noCurvature, f.unresolved()}, {&b.products, f.source == fromHessian}} {
		if c.is {
			*c.n++
		}
	}
	b.rises.Add(f.rises.value, f.rises.valid)
	b.floorPosition.Add(f.floorPosition)
	b.floorLoss.Add(f.floorLoss)
	b.floorAtEdge.Add(f.floorAtEdge.value, f.floorAtEdge.valid)
	b.floorInterior.Add(f.floorInterior.value, f.floorInterior.valid)
	b.heightStart.Add(f.heightStart)
	b.heightEnd.Add(f.heightEnd)
	b.heightMean.Add(f.heightMean)
	b.barrier.Add(f.barrier.value, f.barrier.valid)
	b.barrierHeight.Add(f.barrierHeight)
	b.barrierAlpha.Add(f.barrierAlpha)
	b.chord.Add(f.chordBarrierHeight)
	b.maxima = append(b.maxima, int64(f.interiorMaxima))
	b.slopeStart.Add(f.slopeStart)
	b.slopeEnd.Add(f.slopeEnd)
	b.curvature.Add(f.curvature)
	b.source = append(b.source, f.source)
	sharpness := record.Optional{Value: f.curvature.Value / (length * length), Valid: f.curvature.Valid && length*length > 0}
	b.sharpness.Add(sharpness)
	b.etaSharpness.Add(record.Optional{Value: s.LearningRate.Value * sharpness.Value, Valid: sharpness.Valid && s.LearningRate.Valid && !b.severalRates})
	b.parabolaPosition.Add(f.parabolaPosition)
	b.cockpitAlpha.Add(f.cockpitAlpha)
	for d := range f.mae {
		b.mae[d].Add(f.mae[d])
	}
	b.r2.Add(f.r2)
	b.nonfinite = append(b.nonfinite, int64(f.nonfinite))
}

// addSamples appends one row per alpha to the table of losses.
func (b *builder) addSamples(s *segment, samples []sample) {
	for i, v := range samples {
		b.sampleRow = append(b.sampleRow, int64(s.row))
		b.sampleStep = append(b.sampleStep, s.Step.Step)
		b.sampleEpoch = append(b.sampleEpoch, int64(s.Epoch))
		b.sampleAlpha = append(b.sampleAlpha, b.alphas[i])
		b.samplePosition = append(b.samplePosition, float64(s.Step.Step)+b.alphas[i])
		for j, x := range v {
			b.samples[j] = append(b.samples[j], x)
		}
	}
}

func (b *builder) segments() record.Table {
	columns := []record.Column{
		column.Ints("row", b.row),
		column.Ints("step", b.step),
		column.Ints("epoch", b.epoch),
		b.learningRate.Column("learning_rate"),
		b.batchLoss.Column("batch_loss"),
		b.length.Column("step_length"),
		b.start.Column("loss_start"),
		b.end.Column("loss_end"),
		b.resolution.Column("loss_resolution"),
		b.rises.Column("rises"),
		b.floorPosition.Column("floor_position"),
		b.floorLoss.Column("floor_loss"),
		b.floorAtEdge.Column("floor_at_edge"),
		b.floorInterior.Column("floor_interior"),
		b.heightStart.Column("height_start"),
		b.heightEnd.Column("height_end"),
		b.heightMean.Column("height_mean"),
		b.barrier.Column("barrier"),
		b.barrierHeight.Column("barrier_height"),
		b.barrierAlpha.Column("barrier_alpha"),
		b.chord.Column("chord_barrier_height"),
		column.Ints("interior_maxima", b.maxima),
		b.slopeStart.Column("slope_start"),
		b.slopeEnd.Column("slope_end"),
		b.curvature.Column("curvature"),
		column.Strings("curvature_source", b.source),
		b.sharpness.Column("sharpness"),
		b.etaSharpness.Column("eta_sharpness"),
		b.parabolaPosition.Column("parabola_position"),
		b.cockpitAlpha.Column("cockpit_alpha"),
	}
	for d := range b.mae {
		columns = append(columns, b.mae[d].Column("mae_degree_"+strconv.Itoa(d+1)))
	}
	columns = append(columns, b.r2.Column("r2_degree_2"), column.Ints("nonfinite", b.nonfinite))
	return record.Table{Columns: columns}
}

func (b *builder) losses() record.Table {
	t := record.Table{Columns: []record.Column{
		column.Ints("row", b.sampleRow),
		column.Ints("step", b.sampleStep),
		column.Ints("epoch", b.sampleEpoch),
		{Name: "alpha", Floats: b.sampleAlpha},
		{Name: "position", Floats: b.samplePosition},
		{Name: "loss", Floats: b.samples[0]},
	}}
	for i, m := range b.also {
		t.Columns = append(t.Columns, record.Column{Name: m.Name, Floats: b.samples[1+i]})
	}
	return t
}
