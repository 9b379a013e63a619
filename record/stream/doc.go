// Package stream reads and writes a run as it comes through a pipe, so that a
// program in any language records its steps. STREAM.md describes it byte by byte:
// one line of JSON, then frames.
//
//  1. NewDecoder reads the line; Header is the run's. Next reads one frame after
//     another into a record.Step, in memory that it uses again.
//  2. [Ingest] records a stream to its end.
//  3. An Encoder is a record.Sink that writes such a stream, for programs in Go and
//     for tests.
//
// A stream says when it ends. One that breaks off before is [ErrUnfinished] between
// two frames and [ErrTorn] within one: no step is made of a part of a frame. A line
// or a frame that lies about sizes costs no more memory than it has bytes.
package stream

import "errors"

// Version is the newest version of the stream, the value of sgdwalk_stream in its
// first line. Version 2 adds notes and
// parameter groups; a stream of version 1 is read as before.
const Version = 2

var (
	// ErrUnfinished is wrapped by the error for a stream that broke off between two
	// frames: the producer died, or did not close its recorder.
	ErrUnfinished = errors.New("the stream breaks off without its end")
	// ErrTorn is wrapped by the error for a stream that broke off within a frame.
	ErrTorn = errors.New("the stream breaks off within a frame")
)

// Sizes and places in a frame; STREAM.md has the table.
const (
	headBytes    = 104
	sumAt        = 96 // checksum of what is before it; four zero bytes follow
	maxLineBytes = 16 << 20

	maxNoteBytes = 64 << 10
	maxNotes     = 1000

	frameMagic = "SGDF"
	noteMagic  = "SGDN"
	endMagic   = "SGDE"
)

// Bits of a frame's flags: which vectors follow and which numbers are there.
const (
	hasTheta = 1 << iota
	hasGrad
	hasState
)

const (
	hasBatchLoss = 1 << (8 + iota)
	hasBatchAccuracy
	hasLearningRate
	hasFullLoss
	hasTestLoss
	hasGroupRates

	allFlags = hasGroupRates | hasTheta | hasGrad | hasState | hasBatchLoss | hasBatchAccuracy | hasLearningRate | hasFullLoss | hasTestLoss
)
