// Package safefile reads and writes files in directories that another person may
// have filled: a recorded run, a plan or a result that was unpacked from an archive.
//
// An attacker could put a link or a pipe in the place of a file; this package refuses
// both.
//
//   - Writing never follows a link, and never uses a name that an attacker could
//     predict. A file is written whole: under a random name that is then changed to
//     the final one. So a reader sees the old file or the new file, never a part.
//   - Reading never follows a link, never waits for a pipe, and has a size limit.
//   - The umask decides who may read a new file.
//
// Every file of this program that must be whole is written by [Write] or one of its
// variants.
package safefile
