// Package arrowfile keeps recorded runs on disk: a directory with header.json
// and segments steps-NNNNNN.arrow in the Arrow IPC file format, one row per
// record batch, that any Arrow implementation opens. FORMAT.md describes every
// byte.
//
//  1. [Create] makes a run and locks it for its one [Writer]. A row is with the
//     operating system when Append returns: the death of the process loses no
//     acknowledged row. Close, or the rotation to the next segment, ends a
//     segment with the footer that other programs look for.
//  2. [Open] maps the run, finished, unfinished or still being written, and
//     hands out rows whose vectors are views of the files. It believes no length
//     that it reads and checks every value's checksum before the value is used.
//  3. [Check] reads every byte and reports every problem.
//
// Result tables of the analyses are kept in the same format: [WriteTable],
// [SaveTable] and [ReadTable].
package arrowfile
