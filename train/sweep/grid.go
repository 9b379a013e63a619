package sweep

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"sgdwalk/record"
	"sgdwalk/train/optim"
	"sgdwalk/train/session"
)

// Cell is one run of a sweep.
type Cell struct {
	Name string // of its directory
	session.Settings
}

// grid is a sweep's file: the keys are those of a run's config.toml, and where a
// list is allowed it is an axis.
type grid struct {
	file  string
	lines map[string]int // of every key, by its dotted path
	top   map[string]any
}

// Keys of a sweep's file. Those of an optimizer's table win over those at the top.
var (
	gridKeys = []string{
		"data", "model", "optimizer", "lr", "lr_schedule", "batch", "epochs", "seed", "init_seed",
		"record", "grad", "record_theta", "record_grad", "record_state", "sketch",
	}
	optimizerKeys = []string{"lr", "lr_schedule", "batch", "epochs", "record"}
)

// ReadGrid returns the cells of a sweep's file: the product of its axes, in the order of the file. data, when it is
// not empty, replaces the data set of the file. Every error is a record.OptionError and names the line.
func ReadGrid(file string, text []byte, data string) ([]Cell, error) {
	g, err := parseGrid(file, text)
	if err != nil {
		return nil, err
	}
	if data != "" {
		g.top["data"] = data
	}
	return g.cells()
}

func parseGrid(file string, text []byte) (*grid, error) {
	g := &grid{file: file, top: make(map[string]any)}
	if err := toml.Unmarshal(text, &g.top); err != nil {
		if wrong, ok := err.(*toml.DecodeError); ok { //nolint:errorlint // Unmarshal returns it as it is
			row, _ := wrong.Position()
			return nil, record.Optionf("%s: line %d: %w", file, row, err)
		}
		return nil, record.Optionf("%s: %w", file, err)
	}
	g.lines = keyLines(text)
	for _, key := range g.sorted(g.top, "") {
		if !slices.Contains(gridKeys, key) {
			return nil, g.wrong(key, "is not a setting of a sweep; allowed are %s", strings.Join(gridKeys, ", "))
		}
	}
	return g, nil
}

// keyLines finds the line of every key of a TOML document.
func keyLines(text []byte) map[string]int {
	lines := make(map[string]int)
	var p unstable.Parser
	p.Reset(text)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		path := ""
		if e.Kind == unstable.KeyValue {
			path = table
		}
		line := 0
		for it := e.Key(); it.Next(); {
			path = joinKey(path, string(it.Node().Data))
			line = p.Shape(it.Node().Raw).Start.Line
		}
		lines[path] = line
		if e.Kind != unstable.KeyValue {
			table = path
		}
	}
	return lines
}

func joinKey(table, key string) string {
	if table == "" {
		return key
	}
	return table + "." + key
}

// line returns the line of a key, or of the nearest table around it.
func (g *grid) line(path string) int {
	for {
		if n, ok := g.lines[path]; ok {
			return n
		}
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return 0
		}
		path = path[:i]
	}
}

func (g *grid) wrong(path, format string, args ...any) error {
	return record.Optionf("%s: line %d: %s %w", g.file, g.line(path), path, fmt.Errorf(format, args...))
}

// sorted returns the keys of a table in the order of the file.
func (g *grid) sorted(table map[string]any, path string) []string {
	keys := slices.Sorted(maps.Keys(table))
	slices.SortStableFunc(keys, func(a, b string) int { return g.line(joinKey(path, a)) - g.line(joinKey(path, b)) })
	return keys
}

// gridTable is a table of the file with what it falls back on.
type gridTable struct {
	g     *grid
	path  string
	own   map[string]any
	above *gridTable
}

// find returns the value of a key and where it stands; nil when it is not given.
func (t *gridTable) find(key string) (any, string) {
	if v, ok := t.own[key]; ok {
		return v, joinKey(t.path, key)
	}
	if t.above != nil && slices.Contains(optimizerKeys, key) {
		return t.above.find(key)
	}
	return nil, ""
}

// axis returns the values of a key: one, or those of a list. Without the key it
// is the one value absent.
func axis[T comparable](t *gridTable, key string, absent T, convert func(any) (T, error)) ([]T, error) {
	v, path := t.find(key)
	if path == "" {
		return []T{absent}, nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if len(list) == 0 {
		return nil, t.g.wrong(path, "is an empty list: there would be no cell")
	}
	if err := t.g.fits(path, len(list)); err != nil {
		return nil, err
	}
	out, known := make([]T, 0, len(list)), make(map[T]bool, len(list))
	for _, v := range list {
		x, err := convert(v)
		if err != nil {
			return nil, t.g.wrong(path, "%w", err)
		}
		if known[x] {
			return nil, t.g.wrong(path, "has %v twice: it would be the same cell", x)
		}
		out, known[x] = append(out, x), true
	}
	return out, nil
}

// maxCells is how many cells a sweep may have.
const maxCells = 100_000

// fits refuses a grid before it is enumerated: its axes have so many values.
func (g *grid) fits(path string, axes ...int) error {
	cells := 1.0
	for _, n := range axes {
		cells *= float64(n)
	}
	if cells <= maxCells {
		return nil
	}
	where := g.file
	if n := g.line(path); n > 0 {
		where = fmt.Sprintf("%s: line %d: %s", g.file, n, path)
	}
	return record.Optionf("%s: the grid would have %.3g cells or more; a sweep may have %d", where, cells, maxCells)
}

// one returns the value of a key that is no axis.
func one[T comparable](t *gridTable, key string, absent T, convert func(any) (T, error)) (T, error) {
	v, path := t.find(key)
	if _, list := v.([]any); list {
		return absent, t.g.wrong(path, "is a list; one value is allowed")
	}
	out, err := axis(t, key, absent, convert)
	if err != nil {
		return absent, err
	}
	return out[0], nil
}

// cells returns every run of the grid: data, model, optimizer in the order of the
// file, then learning rate, its schedule, batch size, hyperparameters and seed,
// the last varying fastest.
func (g *grid) cells() ([]Cell, error) {
	top := &gridTable{g: g, own: g.top}
	base, err := g.base(top)
	if err != nil {
		return nil, err
	}
	if _, path := top.find("data"); path == "" {
		return nil, record.Optionf("%s: data is missing; it says what to train on, for example data = \"digits\"",
			g.file)
	}
	data, err := axis(top, "data", "", asText)
	if err != nil {
		return nil, err
	}
	models, err := axis(top, "model", "mlp:128", asText)
	if err != nil {
		return nil, err
	}
	seeds, err := axis(top, "seed", 1, asSeed)
	if err != nil {
		return nil, err
	}
	blocks, err := g.optimizers(top)
	if err != nil {
		return nil, err
	}
	each := 0
	for _, o := range blocks {
		each += len(o.cells)
	}
	if err := g.fits("", len(data), len(models), each, len(seeds)); err != nil {
		return nil, err
	}
	var out []Cell
	for _, d := range data {
		for _, m := range models {
			for _, o := range blocks {
				for _, c := range o.cells {
					for _, s := range seeds {
						c.Data, c.Model, c.Seed, c.InitSeed = d, m, s, base.InitSeed
						c.Hyper = maps.Clone(c.Hyper)
						c.Record, c.Grad, c.Sketch = o.record, base.Grad, base.Sketch
						c.RecTheta, c.RecGrad, c.RecState = base.RecTheta, base.RecGrad, base.RecState
						c.Name = cellName(&c, o.varying, len(data) > 1)
						out = append(out, c)
					}
				}
			}
		}
	}
	return out, uniqueNames(out)
}

// base is what all cells share.
func (g *grid) base(top *gridTable) (c session.Settings, err error) {
	// Every cell of a model starts at one theta: that is what makes them comparable.
	init, err := one(top, "init_seed", 1, asSeed)
	if err != nil {
		return c, err
	}
	c.InitSeed = &init
	if c.Grad, err = one(top, "grad", false, asBool); err != nil {
		return c, err
	}
	for _, s := range []struct {
		key string
		to  *string
	}{{"record_theta", &c.RecTheta}, {"record_grad", &c.RecGrad}, {"record_state", &c.RecState}, {
		"sketch",
		&c.Sketch,
	}} {
		if *s.to, err = one(top, s.key, "", asText); err != nil {
			return c, err
		}
	}
	return c, nil
}

// block is the part of the grid that one optimizer has.
type block struct {
	record  string
	varying []string // hyperparameters that are axes
	cells   []Cell   // without data, model and seed
}

// optimizers reads the optimizers: names, or a table for each.
func (g *grid) optimizers(top *gridTable) ([]block, error) {
	var blocks []block
	tables, ok := g.top["optimizer"].(map[string]any)
	if !ok {
		names, err := axis(top, "optimizer", "sgd", asText)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			b, err := g.block(name, &gridTable{g: g, path: "optimizer", above: top})
			if err != nil {
				return nil, err
			}
			blocks = append(blocks, b)
		}
		return blocks, nil
	}
	for _, name := range g.sorted(tables, "optimizer") {
		path := joinKey("optimizer", name)
		own, ok := tables[name].(map[string]any)
		if !ok {
			return nil, g.wrong(path, "is %v; it must be a table of hyperparameters", tables[name])
		}
		b, err := g.block(name, &gridTable{g: g, path: path, own: own, above: top})
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

// block expands one optimizer's table.
func (g *grid) block(name string, t *gridTable) (b block, err error) {
	d, err := optim.Describe(name)
	if err != nil {
		return b, g.wrong(t.path, "%w", err)
	}
	hyper, err := g.hyperparameters(&d, t)
	if err != nil {
		return b, err
	}
	rates, err := axis(t, "lr", 0, asNumber)
	if err != nil {
		return b, err
	}
	schedules, err := axis(t, "lr_schedule", "", asText)
	if err != nil {
		return b, err
	}
	batches, err := axis(t, "batch", 0, asCount)
	if err != nil {
		return b, err
	}
	if o, err := optim.Effective(name, nil); err == nil && optim.MicroBatch(o) > 0 {
		if _, ok := t.own["batch"]; ok {
			return b, g.wrong(joinKey(t.path, "batch"), "does not apply: %s takes all examples in every step", name)
		}
		batches = []int{0} // batch sizes at the top are the others'
	}
	epochs, err := one(t, "epochs", 1, asCount)
	if err != nil {
		return b, err
	}
	if b.record, err = one(t, "record", "every:1", asText); err != nil {
		return b, err
	}
	if err := g.fits(t.path, len(rates), len(schedules), len(batches), len(hyper.values)); err != nil {
		return b, err
	}
	for _, rate := range rates {
		for _, schedule := range schedules {
			for _, batch := range batches {
				for _, h := range hyper.values {
					c := Cell{Settings: session.Settings{Optimizer: name, LRSched: schedule, Epochs: epochs, Hyper: h}}
					if _, path := t.find("lr"); path != "" {
						c.LR = &rate
					}
					if batch > 0 {
						c.Batch = &batch
					}
					b.cells = append(b.cells, c)
				}
			}
		}
	}
	b.varying = hyper.varying
	if len(schedules) > 1 {
		b.varying = append(b.varying, "lr_schedule")
	}
	return b, nil
}

// hyperGrid is the product of the hyperparameters that a table lists.
type hyperGrid struct {
	varying []string
	values  []map[string]float64
}

func (g *grid) hyperparameters(d *optim.Description, t *gridTable) (out hyperGrid, err error) {
	var names []string
	for _, h := range d.Hyperparameters {
		if h.Name != "learning_rate" {
			names = append(names, h.Name)
		}
	}
	out.values = []map[string]float64{{}}
	for _, key := range g.sorted(t.own, t.path) {
		if slices.Contains(optimizerKeys, key) {
			continue
		}
		if !slices.Contains(names, key) {
			return out, g.wrong(joinKey(t.path, key), "is not a hyperparameter of %s; allowed are %s",
				d.Name, strings.Join(slices.Concat(optimizerKeys, names), ", "))
		}
		values, err := axis(t, key, 0, asNumber)
		if err != nil {
			return out, err
		}
		if len(values) > 1 {
			out.varying = append(out.varying, key)
		}
		if err := g.fits(joinKey(t.path, key), len(out.values), len(values)); err != nil {
			return out, err
		}
		var next []map[string]float64
		for _, m := range out.values {
			for _, v := range values {
				m := maps.Clone(m)
				m[key] = v
				next = append(next, m)
			}
		}
		out.values = next
	}
	return out, nil
}
