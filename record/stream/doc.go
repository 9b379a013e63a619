// Package stream reads and writes a run that comes through a pipe, so that a program in
// any language can record its steps. STREAM.md describes every byte: one line of JSON,
// then frames.
//
//  1. [NewDecoder] reads the line, which has the header of the run. Next reads one frame
//     after another into a record.Step, and reuses the memory of the vectors.
//  2. [Ingest] records a stream to its end.
//  3. An Encoder is a record.Sink that writes such a stream, for programs in Go and
//     for tests.
//
// A complete stream has a frame that marks its end. A stream that ends earlier is
// [ErrUnfinished] between two frames and [ErrTorn] inside a frame; a part of a frame never
// becomes a step. A line or frame with wrong sizes needs no more memory than the bytes
// that were received.
package stream

import "errors"

// Version is the newest version of the stream, the value of sgdwalk_stream in its first
// line. Version 2 adds notes and parameter groups, and version 3 frames in shared memory.
// Streams of earlier versions are readable.
const Version = 3

var (
	// ErrUnfinished is wrapped by the error for a stream that ends between two frames
	// without an end mark: the producer died, or did not close its recorder.
	ErrUnfinished = errors.New("the stream breaks off without its end mark")
	// ErrTorn is wrapped by the error for a stream that ends inside a frame.
	ErrTorn = errors.New("the stream breaks off inside a frame")
)

// Sizes and offsets in a frame; STREAM.md has the table.
const (
	headBytes    = 104
	sumAt        = 96 // offset of the checksum of the bytes before it; four zero bytes follow
	maxLineBytes = 16 << 20

	maxNoteBytes = 64 << 10
	maxNotes     = 1000

	frameMagic  = "SGDF"
	noteMagic   = "SGDN"
	memoryMagic = "SGDM"
	endMagic    = "SGDE"
)

// Bits of a frame's flags: which vectors follow, and which numbers are present.
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

	allFlags = hasTheta | hasGrad | hasState | hasGroupRates |
		hasBatchLoss | hasBatchAccuracy | hasLearningRate | hasFullLoss | hasTestLoss
)
