package shard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
)

// cells is a job whose units are the given ones.
type cells struct {
	units []string
	visit func(unit string, values []float64) // sees every value that is there; may be nil
}

func (c cells) Units() []job.Unit {
	units := make([]job.Unit, len(c.units))
	for i, name := range c.units {
		units[i] = job.Unit{Name: name, Index: i}
	}
	return units
}

func (cells) Fits(job.Unit, []float64) bool { return true }

func (c cells) Evaluate(ctx context.Context, units []job.Unit, save job.Save) error {
	for _, u := range units {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := save(u, valuesOf(u.Index)); err != nil {
			return err
		}
	}
	return nil
}

func (c cells) Finish(ctx context.Context, values job.Values) (struct{}, error) {
	return struct{}{}, values(ctx, "cells", c.Units(), func(u job.Unit, v []float64) error {
		if c.visit != nil {
			c.visit(u.Name, v)
		}
		return nil
	})
}

// compute evaluates the units of a worker.
func compute(ctx context.Context, w interface {
	analyze.Store
	Mine(unit string) bool
}, units []string,
) error {
	return job.Evaluate(ctx, cells{units: units}, job.Driver{Store: w, Mine: w.Mine})
}

// merged goes through the units of a merge.
func merged(m *Merged, units []string, preview bool, visit func(unit string, values []float64)) error {
	d := job.Driver{Store: m, Preview: preview, Mine: func(unit string) bool { return !m.Planned(unit) }}
	_, err := job.Run(context.Background(), cells{units, visit}, d)
	return err
}

// valuesOf are of several lengths and not only numbers.
func valuesOf(i int) []float64 {
	switch i % 7 {
	case 0:
		return []float64{math.NaN(), math.Inf(-1), math.Copysign(0, -1)}
	case 1:
		return []float64{}
	default:
		return []float64{float64(i) / 3, math.Exp(float64(-i))}
	}
}

func unitsOf(n int) []string {
	units := make([]string, n)
	for i := range units {
		units[i] = fmt.Sprintf("cell %d %d", i%10, i/10)
	}
	return units
}

func newPlan(t testing.TB, units, shards int) *Plan {
	t.Helper()
	p := &Plan{Analysis: "test", Identity: Identity{Program: "p", Options: "o"}, Shards: shards}
	if err := Create(t.TempDir(), p, unitsOf(units)); err != nil {
		t.Fatal(err)
	}
	return p
}

// reopen is the plan as another process sees it.
func reopen(t testing.TB, p *Plan) *Plan {
	t.Helper()
	q, err := Open(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// work computes a shard to its end.
func work(t testing.TB, p *Plan, shard int) {
	t.Helper()
	p = reopen(t, p)
	w, err := p.Work(shard, WorkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := compute(t.Context(), w, unitsOf(p.Units)); err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
}

// wantMerged checks that the merged plan has every unit once with the right bits.
func wantMerged(t testing.TB, p *Plan) {
	t.Helper()
	m, err := reopen(t, p).Merge(false)
	if err != nil {
		t.Fatal(err)
	}
	units, n := unitsOf(p.Units), 0
	if err := merged(m, units, false, func(unit string, values []float64) {
		if unit != units[n] || !sameBits(values, valuesOf(n)) {
			t.Errorf("%s has %v, want %v of %s", unit, values, valuesOf(n), units[n])
		}
		n++
	}); err != nil {
		t.Error(err)
	}
	if n != p.Units {
		t.Errorf("%d units, want %d", n, p.Units)
	}
}

func sameBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

func TestEveryUnitHasOneShard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &Plan{Units: rapid.IntRange(1, 3000).Draw(t, "units"), Shards: rapid.IntRange(1, 400).Draw(t, "shards")}
		owner := make([]int, p.Units)
		for i := range owner {
			owner[i] = -1
		}
		for shard := range p.Shards {
			list := p.unitsOf(shard)
			if len(list) != p.Count(shard) || !slices.IsSorted(list) {
				t.Fatalf("shard %d has %v, its count is %d", shard, list, p.Count(shard))
			}
			if n := p.Units / p.Shards; len(list) < n || len(list) > n+1 {
				t.Fatalf("shard %d has %d of %d units in %d shards", shard, len(list), p.Units, p.Shards)
			}
			for _, unit := range list {
				if owner[unit] != -1 || p.ShardOf(unit) != shard {
					t.Fatalf("unit %d is of shards %d and %d, ShardOf says %d", unit, owner[unit], shard,
						p.ShardOf(unit))
				}
				owner[unit] = shard
			}
		}
		if slices.Contains(owner, -1) {
			t.Fatalf("unit %d is in no shard", slices.Index(owner, -1))
		}
	})
}

// Units that alternate, cheap iterates and dear segments, come to every shard in
// equal numbers.
func TestAlternatingKindsAreSpread(t *testing.T) {
	for _, shards := range []int{2, 4, 7, 64} {
		p := &Plan{Units: 900, Shards: shards}
		for shard := range shards {
			even := 0
			for _, unit := range p.unitsOf(shard) {
				if unit%2 == 0 {
					even++
				}
			}
			if n := p.Count(shard); even < n/2-1 || even > (n+1)/2+1 {
				t.Errorf("%d shards: shard %d has %d even ones of %d", shards, shard, even, n)
			}
		}
	}
}

func TestAnyNumberOfShards(t *testing.T) {
	for _, shards := range []int{1, 2, 7, 64, 500} {
		p := newPlan(t, 200, shards)
		order := make([]int, shards)
		for i := range order {
			order[i] = (i*37 + 5) % shards
		}
		slices.Sort(order)
		order = slices.Compact(order) // 37 is prime: all are there
		slices.Reverse(order)
		for _, shard := range order {
			work(t, p, shard)
		}
		if _, err := p.Work(order[0], WorkOptions{}); !errors.Is(err, ErrDone) {
			t.Errorf("a finished shard is begun again: %v", err)
		}
		wantMerged(t, p)
	}
}

// A worker that dies after any number of units, in the middle of a line or not, is
// followed by one that computes the rest; the file has the same bytes.
func TestDeathAndDuplicates(t *testing.T) {
	p := newPlan(t, 100, 4)
	work(t, p, 2)
	want, err := os.ReadFile(p.shardPath(2))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(p.shardPath(2)); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		defer os.Remove(p.shardPath(2))
		defer os.RemoveAll(p.workPath(2, ""))
		deaths := rapid.IntRange(1, 4).Draw(rt, "deaths")
		for n := range deaths {
			w, err := p.Work(2, WorkOptions{owner: fmt.Sprint("host-", n)})
			if err != nil {
				rt.Fatal(err)
			}
			all := w.Left()
			left := rapid.IntRange(0, all).Draw(rt, "units before its death")
			dies := left < all
			err = compute(t.Context(), dying{w, &left}, unitsOf(100))
			if (err == nil) == dies {
				rt.Fatal("it went through")
			}
			// Its files stay as the death left them.
			w.part.Close()
			w.part = nil
			close(w.quit)
			path := p.workPath(2, fmt.Sprint("host-", n, partEnding))
			b, err := os.ReadFile(path)
			if err != nil {
				rt.Fatal(err)
			}
			last := bytes.LastIndexByte(b[:len(b)-1], '\n') + 1
			cut := rapid.IntRange(last, len(b)).Draw(rt, "bytes")
			if err := os.Truncate(path, int64(cut)); err != nil {
				rt.Fatal(err)
			}
		}
		// Two workers continue at the same time, and both finish.
		a, err := p.Work(2, WorkOptions{owner: "a"})
		if err != nil {
			rt.Fatal(err)
		}
		b, err := p.Work(2, WorkOptions{owner: "b"})
		if err != nil {
			rt.Fatal(err)
		}
		for _, w := range []*Worker{a, b} {
			if err := compute(t.Context(), w, unitsOf(100)); err != nil {
				rt.Fatal(err)
			}
			if err := w.Finish(); err != nil {
				rt.Fatal(err)
			}
			got, err := os.ReadFile(p.shardPath(2))
			if err != nil {
				rt.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				rt.Fatalf("other bytes after a death:\n%s\nwant\n%s", got, want)
			}
		}
		if _, err := os.Stat(p.workPath(2, "")); !errors.Is(err, fs.ErrNotExist) {
			rt.Fatalf("something is left: %v", err)
		}
	})
}

// dying is a worker that dies after some units.
type dying struct {
	*Worker
	left *int
}

func (d dying) Save(unit string, values []float64) error {
	if *d.left == 0 {
		return errors.New("dead")
	}
	*d.left--
	return d.Worker.Save(unit, values)
}

// Every flipped bit and every truncation of a shard file is detected, and the next worker
// computes the shard again.
func TestDamagedShard(t *testing.T) {
	p := newPlan(t, 12, 3)
	for shard := range 3 {
		work(t, p, shard)
	}
	path := p.shardPath(1)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		m, err := p.Merge(false)
		if err == nil || m != nil {
			t.Fatalf("%s: it is merged", what)
		}
		if !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
			t.Fatalf("%s: %q does not name %s in one line", what, err, path)
		}
	}
	for n := range sound {
		refused(fmt.Sprintf("cut after %d bytes", n), sound[:n])
		for bit := range 8 {
			b := bytes.Clone(sound)
			b[n] ^= 1 << bit
			refused(fmt.Sprintf("bit %d of byte %d", bit, n), b)
		}
	}
	refused("a byte more", append(bytes.Clone(sound), '\n'))
	if err := os.WriteFile(path, sound[:len(sound)-9], 0o666); err != nil {
		t.Fatal(err)
	}
	if s, err := p.Status(0); err != nil || s.Damaged != 1 || s.Each[1].State != Damaged {
		t.Errorf("status of a cut file: %+v, %v", s, err)
	}
	var notes []string
	w, err := p.Work(1, WorkOptions{Note: func(text string) { notes = append(notes, text) }})
	if err != nil {
		t.Fatal(err)
	}
	if err := compute(t.Context(), w, unitsOf(12)); err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], path) {
		t.Errorf("notes %q do not name %s", notes, path)
	}
	wantMerged(t, p)
}

func TestForeignFiles(t *testing.T) {
	p, other := newPlan(t, 12, 3), newPlan(t, 12, 2)
	copyTo := func(from, to string) {
		t.Helper()
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for shard := range 3 {
		work(t, p, shard)
	}
	for shard := range 2 {
		work(t, other, shard)
	}
	check := func(want ...string) {
		t.Helper()
		_, merging := p.Merge(false)
		_, working := p.Work(1, WorkOptions{})
		_, looking := p.Status(0)
		for _, err := range []error{merging, working, looking} {
			if !errors.Is(err, ErrForeign) {
				t.Errorf("%v does not wrap ErrForeign", err)
				continue
			}
			for _, w := range want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not name %q", err, w)
				}
			}
		}
	}
	copyTo(other.shardPath(1), p.shardPath(1))
	check(p.shardPath(1), other.Hash(), p.Hash())
	copyTo(p.shardPath(0), p.shardPath(1))
	check("00000", "00001")
	b, err := os.ReadFile(p.shardPath(0))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.shardPath(1), bytes.Replace(b, []byte(magic+" 1 "), []byte(magic+" 2 "), 1),
		0o666); err != nil {
		t.Fatal(err)
	}
	check(`"2"`)

	// So are the units of another plan that a worker left.
	if err := os.Remove(p.shardPath(1)); err != nil {
		t.Fatal(err)
	}
	left := p.workPath(1, "host-1"+partEnding)
	copyTo(other.shardPath(1), left)
	if _, err := p.Work(1, WorkOptions{}); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), left) {
		t.Errorf("%v; want that %s is foreign", err, left)
	}
}

func TestPreview(t *testing.T) {
	p := newPlan(t, 100, 4)
	work(t, p, 3)
	work(t, p, 0)
	if _, err := p.Merge(false); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "1-2") {
		t.Errorf("a merge of half: %v", err)
	}
	// A third one is at work.
	w, err := p.Work(1, WorkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	some := 10
	if err := compute(t.Context(), dying{w, &some}, unitsOf(100)); err == nil {
		t.Fatal("it went through")
	}
	m, err := p.Merge(true)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = merged(m, unitsOf(100), true, func(unit string, values []float64) {
		if i := slices.Index(unitsOf(100), unit); !sameBits(values, valuesOf(i)) {
			t.Errorf("%s has %v", unit, values)
		}
		seen++
	})
	if present, planned := m.Units(); err != nil || seen != 60 || present != 60 || planned != 100 {
		t.Errorf("%d units of %d and %d, %v; want 60 of 100", seen, present, planned, err)
	}
	if got := Ranges(m.Missing()); got != "1-2" {
		t.Errorf("missing are %s", got)
	}
}

// Units that depend on others are in no plan: a worker leaves them, the merge
// computes them and keeps them behind.
func TestUnitsBehindThePlan(t *testing.T) {
	p := newPlan(t, 10, 1)
	work(t, p, 0)
	q := newPlan(t, 10, 2)
	w, err := q.Work(0, WorkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if w.Mine("cell 99 99") {
		t.Error("a worker computes what is in no plan")
	}
	m, err := p.Merge(false)
	if err != nil {
		t.Fatal(err)
	}
	behind := kept{}
	m.Behind = behind
	if _, ok := m.Lookup("cell 99 99"); ok || m.Planned("cell 99 99") {
		t.Error("the merge leaves out what is in no plan")
	}
	if err := m.Save("cell 99 99", []float64{1}); err != nil || len(behind) != 1 {
		t.Errorf("%v, %v", err, behind)
	}
	if err := m.Save("cell 0 0", []float64{1}); err == nil {
		t.Error("saving a planned unit again gives no error")
	}
}

type kept map[string][]float64

func (k kept) Lookup(unit string) ([]float64, bool) { v, ok := k[unit]; return v, ok }

func (k kept) Save(unit string, v []float64) error {
	k[unit] = v
	return nil
}

func TestTwoPlans(t *testing.T) {
	p := newPlan(t, 20, 4)
	make2 := func(units, shards int, id Identity) error {
		return Create(p.Dir(), &Plan{Analysis: "test", Identity: id, Shards: shards}, unitsOf(units))
	}
	if err := make2(20, 4, p.Identity); err != nil {
		t.Errorf("the same plan again: %v", err)
	}
	before, err := os.ReadFile(filepath.Join(p.Dir(), planName))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		make2(20, 5, p.Identity), make2(21, 4, p.Identity), make2(20, 4, Identity{Program: "q", Options: "o"}),
	} {
		if !errors.Is(err, ErrExists) {
			t.Errorf("%v; want that there is another plan", err)
		}
	}
	after, err := os.ReadFile(filepath.Join(p.Dir(), planName))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the plan was changed: %v", err)
	}
	work(t, p, 1) // its list of units is still its own
}

func TestIdentityNamesBoth(t *testing.T) {
	was := Identity{
		Software: "a", Program: "b", Kernel: "avx2", Header: "c", Recording: "d", Data: "e", Policy: "f",
		Objective: "g", Options: "h",
	}
	if err := was.Check(&was); err != nil {
		t.Error(err)
	}
	for _, change := range []func(*Identity) *string{
		func(i *Identity) *string { return &i.Software }, func(i *Identity) *string { return &i.Program },
		func(i *Identity) *string { return &i.Kernel }, func(i *Identity) *string { return &i.Header },
		func(i *Identity) *string { return &i.Recording }, func(i *Identity) *string { return &i.Data },
		func(i *Identity) *string { return &i.Policy }, func(i *Identity) *string { return &i.Objective },
		func(i *Identity) *string { return &i.Options },
	} {
		now := was
		*change(&now) = "other"
		err := was.Check(&now)
		if err == nil || !strings.Contains(err.Error(), *change(&was)+" then") ||
			!strings.Contains(err.Error(), "other now") {
			t.Errorf("%v does not name %q and %q", err, *change(&was), "other")
		}
	}
}

func TestDamagedPlan(t *testing.T) {
	p := newPlan(t, 20, 4)
	if _, err := Open(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty directory: %v", err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"format": 2`, `"format": 1`, "make the plan again"},
		{`"shards": 4`, `"shards": 0`, "0 shards"},
		{`"units": 20`, `"units": 19`, "19"},
		{`"analysis"`, `"analyses"`, "analyses"},
		{`"units_sha256": "`, `"units_sha256": "", "input_sha256": "`, "64 digits"},
	} {
		dir := t.TempDir()
		for _, name := range []string{planName, filepath.Base(p.unitsPath())} {
			b, err := os.ReadFile(filepath.Join(p.Dir(), name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), bytes.Replace(b, []byte(c.old), []byte(c.new), 1),
				0o666); err != nil {
				t.Fatal(err)
			}
		}
		q, err := Open(dir)
		if err == nil {
			_, err = q.Names()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v does not say %q", c.new, err, c.want)
		}
	}
	b, err := os.ReadFile(p.unitsPath())
	if err != nil {
		t.Fatal(err)
	}
	b[3] ^= 1
	if err := os.WriteFile(p.unitsPath(), b, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := reopen(t, p).Work(0, WorkOptions{}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a changed list of units: %v", err)
	}
}

func TestShardOutsideThePlan(t *testing.T) {
	p := newPlan(t, 20, 4)
	for _, shard := range []int{-1, 4} {
		if _, err := p.Work(shard, WorkOptions{}); err == nil || !strings.Contains(err.Error(), "0 to 3") {
			t.Errorf("shard %d: %v", shard, err)
		}
	}
}

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		list []int
		want string
	}{{nil, ""}, {[]int{4}, "4"}, {[]int{0, 1, 2, 4, 7, 8}, "0-2,4,7-8"}} {
		if got := Ranges(c.list); got != c.want {
			t.Errorf("%v: %q, want %q", c.list, got, c.want)
		}
	}
}

func TestKinds(t *testing.T) {
	kinds := Kinds([]string{
		"iterate 0", "segment 0", "iterate 1", "line 3 cell 4 0", "line 12 cell 5 1", "alpha 0.25",
		"alpha -1e-05",
	})
	want := []Kind{
		{Name: "iterate", Units: 2},
		{Name: "segment", Units: 1},
		{Name: "line cell", Units: 2},
		{Name: "alpha", Units: 2},
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("%v, want %v", kinds, want)
	}
}
