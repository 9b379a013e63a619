package arrowfile

import (
	"context"
	"fmt"
	"time"

	"sgdwalk/record"
)

// DefaultPoll is how often Follow looks for new rows when it is not told.
const DefaultPoll = 200 * time.Millisecond

// Follow calls f with row from and every row after it, in order, as they are
// recorded. It looks for new ones each time poll has passed; 0 means DefaultPoll.
//
// It returns nil when all rows were passed on and no writer has the run open any
// more, the error of f or of a damaged row, or the context's error. Only one
// Follow may run on a Reader at a time; other methods may be used meanwhile.
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
		// Whether a writer is there is asked first: what it writes before it leaves
		// is then seen below.
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
