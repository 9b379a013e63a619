// Package objective evaluates a loss in another process, so that a walk that was
// recorded from any framework can be analyzed by the framework it came from.
//
//  1. [Open] starts one or more processes and agrees with them on the layouts of theta
//     and of state (OBJECTIVE.md specifies the protocol).
//  2. [Objective.Check] evaluates one point twice in every process: a loss that is
//     not deterministic is refused, or marked if that is allowed. It compares the
//     gradient with differences of the loss, where gradients will be used.
//  3. The Objective is an analyze.Gradient, an analyze.HessianProduct where the program
//     can multiply, and an analyze.Batched: vectors go through files that the process
//     maps, requests and answers are lines of JSON.
//  4. A process that dies is started again, up to Options.Restarts times, and its
//     request is repeated. [Objective.Close] ends all processes and removes all files.
//
// A mistake of a process is an [Error]: one line that names the command and the
// mistake, and the last lines that the process printed.
package objective
