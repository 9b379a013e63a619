package sweep

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"strings"

	"sgdwalk/record"
)

// The values that a sweep's file may have. The error is what is said after the key.

func asText(v any) (string, error) {
	s, ok := v.(string)
	if !ok || s == "" {
		return "", fmt.Errorf("is %v; it must be a text in quotes", v)
	}
	return s, nil
}

func asNumber(v any) (float64, error) {
	switch v := v.(type) {
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v, nil
		}
	case int64:
		return float64(v), nil
	}
	return 0, fmt.Errorf("is %v; it must be a finite number", v)
}

func asCount(v any) (int, error) {
	n, ok := v.(int64)
	if !ok || n < 1 || n > math.MaxInt32 {
		return 0, fmt.Errorf("is %v; it must be a whole number of at least 1", v)
	}
	return int(n), nil
}

func asSeed(v any) (uint64, error) {
	n, ok := v.(int64)
	if !ok || n < 0 {
		return 0, fmt.Errorf("is %v; it must be a whole number of at least 0", v)
	}
	return uint64(n), nil
}

func asBool(v any) (bool, error) {
	b, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("is %v; it must be true or false", v)
	}
	return b, nil
}

// cellName is the directory of a cell: what it is, in characters that every file
// system takes.
func cellName(c *Cell, varying []string, withData bool) string {
	parts := []string{c.Model, c.Optimizer}
	if withData {
		parts = slices.Insert(parts, 0, c.Data)
	}
	if c.LR != nil {
		parts = append(parts, fmt.Sprintf("lr%g", *c.LR))
	}
	for _, name := range varying {
		if name == "lr_schedule" {
			parts = append(parts, c.LRSched)
			continue
		}
		parts = append(parts, fmt.Sprintf("%s%g", name, c.Hyper[name]))
	}
	if c.Batch != nil {
		parts = append(parts, fmt.Sprintf("b%d", *c.Batch))
	}
	parts = append(parts, fmt.Sprintf("s%d", c.Seed))
	return shortName(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._+-", r):
			return r
		}
		return '-'
	}, strings.Join(parts, "_")))
}

// shortName cuts a name that file systems would refuse, and ends it in its hash: the
// same cell always has the same directory.
func shortName(name string) string {
	const most = 255 - len(".json") // the longest name that is made of it
	if len(name) <= most {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("%s_%x", name[:200], sum[:8])
}

func uniqueNames(cells []Cell) error {
	seen := make(map[string]bool)
	for _, c := range cells {
		if seen[c.Name] {
			return record.Optionf("two cells would be in %s: they differ only in what a file name cannot hold", c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}
