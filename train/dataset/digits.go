package dataset

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

// digitsFile is the test part of the Optical Recognition of Handwritten Digits
// data set (E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, CC BY
// 4.0). digits/README.md has the attribution. It is embedded, so that the program
// can train without any other file.
//
//go:embed digits/digits.csv.gz
var digitsFile []byte

// loadDigits returns the embedded digits, in their published order.
func loadDigits() (source, error) {
	s := Set{Height: 8, Width: 8, Channels: 1, Classes: 10}
	r, err := gzip.NewReader(bytes.NewReader(digitsFile))
	if err != nil {
		return source{}, fmt.Errorf("digits.csv.gz: %w", err)
	}
	lines := bufio.NewScanner(r)
	for row := 1; lines.Scan(); row++ {
		i := 0
		for f := range strings.SplitSeq(lines.Text(), ",") {
			v, err := strconv.Atoi(f)
			switch last := i == s.Size(); {
			case err != nil || v < 0 || last && v >= s.Classes || !last && v > 16:
				return source{}, fmt.Errorf("digits.csv.gz: line %d, field %d is %q; allowed are pixels from 0 to 16 "+
					"and labels from 0 to 9", row, i+1, f)
			case last:
				s.Labels = append(s.Labels, int32(v))
			default:
				s.Inputs = append(s.Inputs, float32(v)/16)
			}
			i++
		}
		if i != s.Size()+1 {
			return source{}, fmt.Errorf("digits.csv.gz: line %d has %d fields, not %d", row, i, s.Size()+1)
		}
	}
	if err := lines.Err(); err != nil {
		return source{}, fmt.Errorf("digits.csv.gz: %w", err)
	}
	return source{train: s, name: "the digits", scaling: "pixel/16"}, nil
}
