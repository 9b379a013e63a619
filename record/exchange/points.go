package exchange

import (
	"bufio"
	"fmt"
	"io"
	"runtime"
	"strconv"

	"sgdwalk/record"
	"sgdwalk/record/sketch"
)

// points has the iterates of a recording as points around their mean, in the dimensions
// of theta or in fewer. Vectors are read from the recording each time.
type points struct {
	t          record.Trajectory
	projection *sketch.Projection // nil when the points have all dimensions of theta
	rows       []int              // rows of t, each with a finite theta
	steps      []record.Step      // scalars of the rows
	mean       []float64          // of the rows, before it is subtracted from them
	notFinite  int                // iterates that are not in rows
	projected  []float32          // memory for one projection
}

// readPoints reads the iterates once, for their mean. Theta is projected when it has
// more than dims elements; dims is AllDims or valid for a projection.
func readPoints(t record.Trajectory, dims int) (*points, error) {
	p := &points{t: t}
	n := t.Header().Layout.Len()
	if dims != AllDims && n > dims {
		var err error
		if p.projection, err = sketch.NewProjection(n, dims, 0); err != nil {
			return nil, err
		}
		p.projected = make([]float32, dims)
		n = dims
	}
	if n < 2 {
		return nil, fmt.Errorf("exchange: theta has %d parameter; the projector needs at least 2 dimensions", n)
	}
	p.mean = make([]float64, n)
	for it, err := range record.Iterates(t) {
		if err != nil {
			return nil, fmt.Errorf("exchange: row %d: %w", it.Row, err)
		}
		if !isFinite(it.Theta) {
			p.notFinite++
			continue
		}
		for j, x := range p.reduce(it.Theta) {
			p.mean[j] += float64(x)
		}
		it.Theta = nil
		p.rows, p.steps = append(p.rows, it.Row), append(p.steps, it.Step)
	}
	switch {
	case len(p.rows) == 0 && p.notFinite > 0:
		return nil, fmt.Errorf("exchange: theta of all %d iterates has NaN or infinite values; the projector cannot show "+
			"them", p.notFinite)
	case len(p.rows) == 0:
		return nil, fmt.Errorf("exchange: none of the %d rows is an iterate with theta", t.Len())
	}
	for j := range p.mean {
		p.mean[j] /= float64(len(p.rows))
	}
	return p, nil
}

// isFinite reports whether all elements are neither NaN nor infinite.
func isFinite(v []float32) bool {
	for _, x := range v {
		if x-x != 0 {
			return false
		}
	}
	return true
}

// reduce returns theta in the dimensions of the points. The result is theta itself, or
// memory that the next call overwrites.
func (p *points) reduce(theta []float32) []float32 {
	if p.projection == nil {
		return theta
	}
	p.projection.To(p.projected, theta, runtime.GOMAXPROCS(0)) // the number of workers changes no bit
	return p.projected
}

// write writes the points twice: as text, with a line for each point and tabs between its
// coordinates, and as bytes, little-endian float32. Both have the same numbers.
func (p *points) write(text, bytes io.Writer) error {
	lines, raw := bufio.NewWriter(text), bufio.NewWriter(bytes)
	point := make([]float32, len(p.mean))
	var b []byte
	for _, i := range p.rows {
		theta, err := record.ThetaOf(p.t, i)
		if err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
		b = b[:0]
		for j, x := range p.reduce(theta) {
			point[j] = float32(float64(x) - p.mean[j])
			b = append(strconv.AppendFloat(b, float64(point[j]), 'g', -1, 32), '\t')
		}
		b[len(b)-1] = '\n'
		if _, err := lines.Write(b); err != nil {
			return err
		}
		b = appendFloats(b[:0], point)
		if _, err := raw.Write(b); err != nil {
			return err
		}
	}
	if err := lines.Flush(); err != nil {
		return err
	}
	return raw.Flush()
}
