// Package arrowfile keeps recorded runs on disk: a directory with header.json
// and segments steps-NNNNNN.arrow in the Arrow IPC file format, one row per
// record batch, that any Arrow implementation opens. FORMAT.md describes every
// byte.
//
//  1. [Create] starts a run and locks it for its [Writer]; [Continue] resumes one.
//     When Append returns, the row is with the operating system, so the death of the
//     process loses no acknowledged row. Close, or the change to the next segment,
//     writes the footer of a segment, which other programs need.
//  2. [NewAsync] around the Writer writes in another goroutine, so that the training
//     step does not wait: rows wait in reused buffers, and a full queue blocks.
//  3. [Open] maps the files of a run, which may be finished, unfinished or still being
//     written. The vectors of a row are views of the files, where these have float32.
//     The Reader compares every length with the size of the file, and every value with
//     its checksum, before it uses them. Refresh and Follow see rows that are written
//     later.
//  4. [Check] reads every byte and reports every problem. [Repair] copies every intact
//     row into a new run.
//
// Result tables of the analyses are Arrow files too: see [WriteTable], [SaveTable] and
// [ReadTable].
package arrowfile
