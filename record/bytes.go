package record

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size on disk or in memory.
type Bytes int64

// String returns the size with three digits and a decimal unit, for example "1.5 MB".
func (n Bytes) String() string {
	if n < 1000 {
		return fmt.Sprintf("%d B", int64(n))
	}
	v, unit := float64(n), 0
	for v >= 999.5 && unit < 6 {
		v, unit = v/1000, unit+1
	}
	return fmt.Sprintf("%.3g %cB", v, " kMGTPE"[unit])
}

// byteUnits are the units that ParseBytes reads. A unit stands before every unit that is its suffix.
var byteUnits = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
	{"", 1},
}

// ParseBytes reads a size above 0 with a decimal or binary unit, for example "500MB" or "1.5TiB". A number
// without a unit is in bytes.
func ParseBytes(text string) (Bytes, error) {
	for _, u := range byteUnits {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(v > 0) || v*u.bytes > math.MaxInt64/2 {
			break
		}
		return Bytes(v * u.bytes), nil
	}
	return 0, Optionf("the size %q is not valid; it must be above 0, such as 500MB, 20GB or 1.5TiB", text)
}
