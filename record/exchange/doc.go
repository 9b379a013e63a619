// Package exchange brings recordings to other programs and back: numpy archives
// (npz), safetensors checkpoints and CSV.
//
//  1. [WriteNPZ] writes a run for Python: theta, grad and state as matrices with
//     a row for each step, the scalars as columns, streamed, the same bytes for
//     the same run.
//  2. [WriteSafetensors] writes one iterate as a checkpoint of named tensors, and
//     [WriteCSV] the scalars of all rows.
//  3. [Open] looks at files of another program, or ours: a folder of
//     PyTorch, safetensors, npz or npy checkpoints becomes a run with a row for each, in
//     the order of their steps; a whole run in an npz comes back as it was.
//  4. [Import.CopyTo] appends the rows to any record.Sink.
//
// Files are not trusted: no length in them is believed before it was compared
// with what the file holds, and nothing in them is executed. Numbers of 16 and
// 64 bits are converted to float32 and the import says so.
package exchange
