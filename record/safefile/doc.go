// Package safefile reads and writes files in directories that another person may
// have filled: a recorded run, a plan or a result that was unpacked from an archive.
//
//   - Writing never follows a link and never uses a name that can be predicted. A
//     file is written under a random name and then renamed, so a reader sees the old
//     file or the new one, never half of one.
//   - Reading never follows a link, never waits for a pipe, and has a size limit.
//   - The umask decides who may read a new file.
package safefile
