package arrowfile

import (
	"context"
	"fmt"
	"time"

	"sgdwalk/record"
)

// DefaultPoll is the default interval between two refreshes of Follow.
const DefaultPoll = 200 * time.Millisecond

// Follow calls f with row from and every later row, in order, as they are recorded. It
// refreshes every poll; 0 means DefaultPoll.
//
// It returns nil after the last row, when no writer has the run open any more. Otherwise it
// returns the error of f, of a damaged row, or of the context. Only one Follow may run on a
// Reader at a time; other methods may be called concurrently.
func (r *Reader) Follow(ctx context.Context, from int, poll time.Duration, f func(i int, s record.Step) error) error {
	if from < 0 || poll < 0 {
		return fmt.Errorf("arrowfile: follow: from row %d every %v; neither may be negative", from, poll)
	}
	if poll == 0 {
		poll = DefaultPoll
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		// The lock is checked before the refresh, so that the rows that a writer appends
		// just before it closes are not missed.
		live := r.Live()
		if _, err := r.Refresh(); err != nil {
			return err
		}
		for ; from < r.Len(); from++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			s, err := r.Read(from, record.AllParts)
			if err != nil {
				return err
			}
			if err := f(from, s); err != nil {
				return err
			}
		}
		if !live {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
