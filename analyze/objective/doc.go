// Package objective evaluates a loss in another process, so that a walk that was
// recorded from any framework can be analyzed by the framework it came from.
//
//  1. [Open] starts a command, several times if asked to, and agrees with it on
//     the layout of theta and of state (OBJECTIVE.md has every byte).
//  2. [Objective.Check] evaluates one point twice in every process: a loss that is
//     not deterministic is refused, or marked if that is allowed.
//  3. The Objective is an analyze.Gradient and an analyze.Planar: vectors go through
//     files that the process maps, requests and answers are lines of JSON.
//  4. A process that dies is started again and asks are repeated, so many times;
//     [Objective.Close] ends all of them and leaves nothing behind.
//
// Whatever a process does wrong is one line that names the command, what it did
// and the last that it printed on standard error.
package objective
