package session

import (
	"context"

	"sgdwalk/train"
)

// Continue trains from a recorded iterate to a later step as the run did, without a decay.
func (b *Branches) Continue(ctx context.Context, from, to int64) (*train.Checkpoint, error) {
	start, err := b.start(ctx, from)
	if err != nil {
		return nil, err
	}
	return b.run(ctx, start, to, unchanged)
}
