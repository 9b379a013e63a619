// Package objective evaluates a loss in another process, so that a walk that was
// recorded from any framework can be analyzed by the framework it came from.
//
//  1. [Open] starts a command, several times if asked to, and agrees with it on
//     the layout of theta and of state (OBJECTIVE.md has every byte).
//  2. [Objective.Check] evaluates one point twice in every process: a loss that is
//     not deterministic is refused, or marked if that is allowed. It compares the
//     gradient with differences of the loss, where gradients will be used.
//  3. The Objective is an analyze.Gradient, an analyze.HessianProduct where the program
//     can multiply, and an analyze.Planar: vectors go through files that the process
//     maps, requests and answers are lines of JSON.
//  4. A process that dies is started again and asks are repeated, so many times;
//     [Objective.Close] ends all of them and leaves nothing behind.
//
// What a process does wrong is an [Error]: one line that names the command and what
// it did, and the last lines that it printed.
package objective
