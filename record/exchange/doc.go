// Package exchange converts between recordings and the files of other programs: numpy
// archives (npz), checkpoints of PyTorch and safetensors, CSV, and TensorBoard.
//
//  1. [WriteNPZ] writes a run for Python: theta, grad and state as matrices with
//     a row for each step, and the scalars as columns. The run is streamed, and the
//     same run gives the same bytes.
//  2. [WriteSafetensors] writes one iterate as a checkpoint of named tensors, and
//     [WriteCSV] the scalars of all rows.
//  3. [WriteEvents] writes the scalars for TensorBoard, and [WriteProjector] the
//     iterates as points for its embedding projector. [SelectSteps] selects rows for
//     any of the writers.
//  4. [Open] examines files, of this program or another one. A folder of PyTorch,
//     safetensors, npz or npy checkpoints becomes a run with a row for each of them,
//     in the order of their steps. A whole run in an npz becomes an equal run.
//  5. [Import.CopyTo] appends the rows to any record.Sink.
//  6. [OpenSeries] opens the same checkpoints as a record.Trajectory, without a copy. Files
//     are mapped into memory, and float32 parameters in the order of the layout are views of
//     the map. [Index] keeps hashes of tensors between two calls.
//
// Files are not trusted: every length in a file is compared with the size of the file
// before memory is allocated for it, and nothing in a file is executed. Numbers of 16
// and 64 bits are converted to float32, with a warning.
package exchange
