// Package arrowfile keeps recorded runs on disk: a directory with header.json
// and segments steps-NNNNNN.arrow in the Arrow IPC file format, one row per
// record batch, that any Arrow implementation opens. FORMAT.md describes every
// byte.
//
//  1. [Create] makes a run and locks it for its one [Writer]; [Continue] goes on
//     with one. A row is with the operating system when Append returns: the death
//     of the process loses no acknowledged row. Close, or the rotation to the next
//     segment, ends a segment with the footer that other programs look for.
//  2. [NewAsync] in front of the Writer takes the writing out of the training
//     step: rows wait in recycled buffers, and a full queue blocks.
//  3. [Open] maps the run, finished, unfinished or still being written, and
//     hands out rows whose vectors are views of the files, where these have float32. It believes no length
//     that it reads and checks every value's checksum before the value is used.
//     Refresh and Follow see what is written meanwhile.
//  4. [Check] reads every byte and reports every problem; [Repair] copies every
//     intact row into a new run.
//
// Result tables of the analyses are kept in the same format: [WriteTable],
// [SaveTable] and [ReadTable].
package arrowfile
