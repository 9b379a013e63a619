// Package session trains and records one run, in one or several sessions. A run that was stopped or killed
// continues bit for bit.
//
//  1. [Settings] say what is trained. They are the keys of config.toml, which every run keeps.
//  2. [Start] trains a new run into a directory.
//  3. [Resume] continues a run to its end, from its last checkpoint or from its start.
//  4. Both return a [Summary], which the run keeps as train.json.
//
// [Replay] trains a run again and compares every recorded bit.
package session
