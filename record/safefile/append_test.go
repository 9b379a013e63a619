package safefile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sgdwalk/record/safefile"
)

// TestAppend appends from many goroutines, each of which locks as another process would: no line is lost or divided.
func TestAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	if err := os.WriteFile(path, []byte("a part of a li"), 0o666); err != nil {
		t.Fatal(err)
	}
	const writers, lines = 8, 5
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range lines {
				if err := safefile.Append(path, fmt.Sprintf("writer %d line %d %s", w, i, strings.Repeat("x", 9000))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if len(got) != writers*lines+1 || got[0] != "a part of a li" {
		t.Fatalf("%d lines, the first is %.30q; want %d", len(got), got[0], writers*lines+1)
	}
	seen := map[string]bool{}
	for _, line := range got[1:] {
		var w, i int
		if _, err := fmt.Sscanf(line, "writer %d line %d", &w, &i); err != nil || !strings.HasSuffix(line, strings.Repeat("x", 9000)) {
			t.Fatalf("a divided line: %.60q", line)
		}
		seen[fmt.Sprint(w, i)] = true
	}
	if len(seen) != writers*lines {
		t.Errorf("%d different lines, want %d", len(seen), writers*lines)
	}
	if err := safefile.Append(t.TempDir(), "x"); err == nil {
		t.Error("a directory was appended to")
	}
}
