package record_test

import (
	"errors"
	"testing"

	"sgdwalk/record"
)

func TestBytes(t *testing.T) {
	for text, want := range map[string]record.Bytes{
		"1": 1, "12 B": 12, "1kB": 1000, "1KB": 1000, "1KiB": 1024, "1.5MB": 1_500_000, "2 GiB": 2 << 30, "3TB": 3e12,
	} {
		if got, err := record.ParseBytes(text); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1kB", "lots", "NaN", "kB", "1e300GB", "1 XB"} {
		var wrong *record.OptionError
		if _, err := record.ParseBytes(text); !errors.As(err, &wrong) {
			t.Errorf("%q: %v; want an OptionError", text, err)
		}
	}
	for n, want := range map[record.Bytes]string{
		0: "0 B", 999: "999 B", 1000: "1 kB", 999_600: "1 MB",
		12_345_678: "12.3 MB",
	} {
		if got := n.String(); got != want {
			t.Errorf("%d is %q; want %q", int64(n), got, want)
		}
	}
}
