package shard

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"strconv"
	"strings"

	"sgdwalk/analyze/internal/unitline"
	"sgdwalk/record/safefile"
)

// The file of a shard is text: a first line that names the plan and the shard, one
// line per unit (package unitline) in the order of the plan, and a last line with
// the number of units and a checksum of everything before it. The file of a worker has the
// same lines without the last one, in the order of evaluation; a crash may cut its last line.

const magic = "sgdwalk-shard"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// firstLine returns the first line of the files of a shard.
func (p *Plan) firstLine(shard int) string {
	return fmt.Sprintf("%s %d %s %s of %d\n", magic, fileFormat, p.hash, shardName(shard), p.Shards)
}

// lastLine returns the last line of a finished file; before has all bytes in front of it.
func lastLine(units int, before []byte) string {
	return fmt.Sprintf("end %d %08x\n", units, crc32.Checksum(before, castagnoli))
}

// ErrForeign is wrapped by the error about a file that belongs to another plan, to another
// shard, or to a version of the format that this program cannot read.
var ErrForeign = errors.New("it is not a file of this shard of this plan")

// ErrDamaged is wrapped by the error about a shard file that is truncated or changed.
var ErrDamaged = errors.New("the shard file is damaged")

// checkFirst checks the first line of a file and returns the bytes after it. The error
// wraps ErrDamaged or ErrForeign.
func (p *Plan) checkFirst(path string, shard int, b []byte) (rest []byte, err error) {
	want := p.firstLine(shard)
	if bytes.HasPrefix(b, []byte(want)) {
		return b[len(want):], nil
	}
	line, _, whole := bytes.Cut(b, []byte("\n"))
	words := strings.Fields(string(line))
	switch {
	case !whole || len(words) != 6 || words[0] != magic || words[4] != "of":
		return nil, fmt.Errorf("shard: %s: %w: it has no first line", path, ErrDamaged)
	case words[1] != strconv.Itoa(fileFormat):
		return nil, fmt.Errorf("shard: %s: %w: its format is %q, this program reads %d", path, ErrForeign, words[1],
			fileFormat)
	case words[2] != p.hash:
		return nil, fmt.Errorf("shard: %s: %w: it belongs to plan %s, this plan is %s",
			path, ErrForeign, words[2], p.hash)
	default:
		return nil, fmt.Errorf("shard: %s: %w: it is shard %s of %s, expected was %s of %d", path, ErrForeign, words[3],
			words[5], shardName(shard), p.Shards)
	}
}

// lineAt is the place of a unit's line in the file of its shard.
type lineAt struct {
	shard, bytes int
	offset       int64
}

// readShard reads a finished shard and checks every line and the checksum of the file. It
// calls take for every unit, with the unit's place in the plan, in the order of the plan.
// The error wraps ErrDamaged or ErrForeign; without a file it wraps fs.ErrNotExist.
func (p *Plan) readShard(shard int, names []string, take func(unit int, values []float64, at lineAt)) error {
	path := p.shardPath(shard)
	b, err := safefile.Read(path, maxFile)
	if err != nil {
		return fmt.Errorf("shard: %w", err)
	}
	rest, err := p.checkFirst(path, shard, b)
	if err != nil {
		return err
	}
	units := p.unitsOf(shard)
	damaged := func(format string, args ...any) error {
		return fmt.Errorf("shard: %s: %w: %w; remove it and work on shard %d again", path, ErrDamaged,
			fmt.Errorf(format, args...), shard)
	}
	before := bytes.LastIndexByte(bytes.TrimSuffix(b, []byte("\n")), '\n') + 1
	if string(b[before:]) != lastLine(len(units), b[:before]) {
		if !bytes.HasPrefix(b[before:], []byte("end ")) {
			return damaged("it is truncated to %d bytes", len(b))
		}
		return damaged("its last line does not match the rest")
	}
	text, seed := string(rest[:len(rest)-(len(b)-before)]), p.seed()
	for _, unit := range units {
		line, after, _ := strings.Cut(text, "\n")
		at := lineAt{shard, len(line), int64(before - len(text))}
		text = after
		found, values, ok := unitline.Parse(seed, line)
		if !ok || found != names[unit] {
			return damaged("the line of %s is missing or damaged", names[unit])
		}
		take(unit, values, at)
	}
	if text != "" {
		return damaged("it continues after its last unit")
	}
	return nil
}

// readLine reads the values of one unit of a finished shard again. ok is false when its line
// has changed.
func (p *Plan) readLine(unit string, at lineAt) (values []float64, ok bool) {
	f, err := safefile.Open(p.shardPath(at.shard), os.O_RDONLY)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	line := make([]byte, at.bytes)
	if _, err := f.ReadAt(line, at.offset); err != nil {
		return nil, false
	}
	found, values, ok := unitline.Parse(p.seed(), string(line))
	return values, ok && found == unit
}

// readPart reads the units that a worker has saved. It skips lines that do not match their
// checksums, because a crash of the machine may damage them; the next worker evaluates
// their units again.
func (p *Plan) readPart(path string, shard int, take func(unit string, values []float64)) error {
	b, err := safefile.Read(path, maxFile)
	if err != nil {
		return fmt.Errorf("shard: %w", err)
	}
	if !bytes.ContainsRune(b, '\n') {
		return nil // the worker died while it wrote the first line
	}
	rest, err := p.checkFirst(path, shard, b)
	if errors.Is(err, ErrDamaged) {
		return nil
	}
	if err != nil {
		return err
	}
	seed := p.seed()
	for len(rest) > 0 {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			break
		}
		if unit, values, ok := unitline.Parse(seed, string(line)); ok {
			take(unit, values)
		}
		rest = after
	}
	return nil
}

// writeShard writes the file of a finished shard, in the order of the plan. So the bytes do
// not depend on the order of evaluation or on the number of workers.
func (p *Plan) writeShard(shard int, names []string, values func(unit string) []float64) error {
	b := []byte(p.firstLine(shard))
	units, seed := p.unitsOf(shard), p.seed()
	var err error
	for _, unit := range units {
		if b, err = unitline.Append(b, seed, names[unit], values(names[unit])); err != nil {
			return fmt.Errorf("shard: %w", err)
		}
	}
	if err := safefile.WriteBytes(p.shardPath(shard), append(b, lastLine(len(units), b)...)); err != nil {
		return fmt.Errorf("shard: %w", err)
	}
	return nil
}
