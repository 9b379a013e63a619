package arrowfile

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childVariable tells a re-executed test binary what to be instead of a test.
const childVariable = "SGDWALK_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childVariable); role != "" {
		if err := child(role, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
