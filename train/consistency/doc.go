// Package consistency checks that a recording agrees with its own header and with
// itself. It reads every row once, in order, and does not train again: every check
// starts from recorded numbers, so it locates a single bad row.
//
//  1. Rows: the steps, inner iterates, epochs, numbers of examples, evaluations and
//     learning rates are those that the header promises.
//  2. Updates: theta of step k+1 follows from theta and the gradient of step k by the
//     rule of the optimizer. A run that this program trained must agree bit for bit. A
//     run of another program, or of 16-bit vectors, must agree to rounding.
//  3. Losses: the loss, the gradient and the running statistics of a sample of rows
//     are those that the model gives again at the recorded theta.
//
// Where an update does not follow, the check tries the possible causes one after the
// other: a wrong theta in one row, an optimizer whose state was reset, a wrong
// gradient. It names the cause under which the recording agrees. Otherwise it compares
// the recorded update with the expected one, because a constant ratio has few causes.
//
// [Check] returns a [Result] with the violations and with notes about everything that
// could not be checked. Damaged files are the subject of record/recorder.Verify.
package consistency
