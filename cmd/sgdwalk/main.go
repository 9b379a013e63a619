// Sgdwalk records every step of a training run and analyzes the walk afterwards.
//
// Usage:
//
//	sgdwalk demo [--out DIR]
//	sgdwalk train --out RUN --data D --model M [flags]
//	sgdwalk sweep FILE.toml --out DIR
//	sgdwalk info|verify|repair RUN
//	sgdwalk ls [DIR ...]
//	sgdwalk diff RUN RUN2
//	sgdwalk note RUN "TEXT"
//	sgdwalk export RUN --npz|--safetensors|--csv FILE
//	sgdwalk export RUN --events|--projector DIR
//	sgdwalk import FILES --out RUN
//	PROGRAM | sgdwalk ingest --out RUN
//	sgdwalk python
//	sgdwalk path|walk|pca|line|landscape|curvature|average RUN|SERIES [flags]
//	sgdwalk compare RUN|SERIES|SWEEP ... --out DIR [flags]
//	sgdwalk plan ANALYSIS RUN --shards N --out PLAN [flags]
//	sgdwalk work|merge|status PLAN [flags]
//	sgdwalk submit PLAN --slurm|--k8s [flags]
//	sgdwalk plot RESULT ... [--panels LIST] [flags]
//	sgdwalk report RUN ... --out FILE.html
//	sgdwalk watch RUN
//	sgdwalk serve RUN ...
//	sgdwalk help [VERB]
//	sgdwalk completion bash|zsh|fish
//
// A SERIES is a folder of checkpoints, in any layout that import reads. It is read in place:
// nothing is copied, and nothing is written into the folder.
//
// Results go to standard output, progress and messages to standard error. The
// exit status is 0 when all went well, 1 for a failure (of the machine too: no
// memory, a full disk, too many open files, another instruction set), 2 for a
// mistake in the call, 3 for a damaged recording or findings of an audit, 75 for a shard that was
// interrupted, and 130 for every other work that was interrupted (Ctrl-C, SIGTERM
// or SIGHUP) before its end; the same call, or train --resume, continues it. Every
// verb takes --json (one object on standard output) and --help, with examples.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/alecthomas/kong"

	"sgdwalk/analyze"
	"sgdwalk/analyze/objective"
	"sgdwalk/cmd/internal/terminal"
	"sgdwalk/record"
	"sgdwalk/record/printable"
	"sgdwalk/train/nn/kernel"
)

// Exit statuses.
const (
	exitOK = iota
	exitFailure
	exitUsage
	exitDamaged

	exitAgain       = 75  // EX_TEMPFAIL
	exitInterrupted = 130 // 128 + SIGINT, as shells report it; used for SIGTERM and SIGHUP too
)

// errInterrupted is wrapped by the error of work that was interrupted before its
// end and can be continued.
var errInterrupted = errors.New("interrupted")

// env is what every verb gets: where to print, and how to show progress.
type env struct {
	stdout, stderr io.Writer        // what is not printable is escaped
	raw            *terminal.Output // standard output without escapes, for binary data and the terminal
	json           bool
	silent         bool // results are printed by the verb that called
	progress       view
	role           *role // what the process does for a plan; nil when it has no plan
}

// view shows progress; End takes it off the screen.
type view interface {
	analyze.Progress
	End()
}

// usageError is a mistake in the call.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// isUsage reports whether the caller must change something.
func isUsage(err error) bool {
	var usage usageError
	var option *record.OptionError
	return errors.As(err, &usage) || errors.As(err, &option)
}

func main() {
	// A closed pipe is an error of writing, and not the end of the process.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, cancel := context.WithCancel(context.Background())
	told := make(chan os.Signal, 1) // room for the first signal
	signal.Notify(told, endingSignals()...)
	verb := new(atomic.Value)
	go func() {
		// The first signal ends the work at the next step or unit; a second one kills
		// the program as usual.
		s := <-told
		signal.Stop(told)
		if name, _ := verb.Load().(string); s != os.Interrupt && !endsInOrder[name] {
			os.Exit(exitInterrupted)
		}
		cancel()
	}()
	os.Exit(run(context.WithValue(ctx, verbKey{}, verb), os.Args[1:], os.Stdout, os.Stderr))
}

// endsInOrder has the verbs that end at their next step or unit. The others have
// nothing to keep, or what they keep is safe at any moment; SIGTERM and SIGHUP end
// them at once.
var endsInOrder = map[string]bool{
	"train": true, "sweep": true, "demo": true, "import": true, "audit": true, "path": true, "walk": true, "pca": true, "line": true,
	"curvature": true, "average": true, "landscape": true, "compare": true, "plan": true, "work": true, "merge": true, "watch": true,
	"serve": true,
}

// verbKey is the context's key of the verb that is at work, for main.
type verbKey struct{}

// endingSignals are the signals to end the program: Ctrl-C, the end of a
// batch job, and the end of a terminal session unless nohup has it ignored.
func endingSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// run is the program without the process around it.
func run(ctx context.Context, args []string, rawStdout, rawStderr io.Writer) (status int) {
	raw := terminal.NewOutput(rawStdout)
	stdout, stderr := io.Writer(printable.Writer{W: raw}), io.Writer(printable.Writer{W: rawStderr})
	if len(args) == 0 {
		args = []string{"--help"}
	}
	var c common
	exited := -1
	parser, err := newParser(grammarOf(args), &c, stdout, stderr, func(code int) { exited = code; panic(exit{}) })
	if err != nil {
		fmt.Fprintln(stderr, "sgdwalk:", err)
		return exitFailure
	}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case exit: // kong leaves by Exit after --help and --version
			if status = exited; status == exitOK {
				status = leave(stderr, raw.Err())
			}
		default:
			fmt.Fprintf(stderr, "sgdwalk: a fault of the program, which should not be: %s at %s (%s); please report "+
				"this line and the command\n", printable.Line(fmt.Sprint(p)), panicked(), software)
			status = exitFailure
		}
	}()
	k, err := parser.Parse(joinNegative(args))
	if err != nil {
		return leave(stderr, cmp.Or(raw.Err(), error(usageError{clearer(err)})))
	}
	if err := kernel.Check(); err != nil {
		return leave(stderr, usageError{err})
	}
	e := &env{
		stdout: stdout, stderr: stderr, raw: raw, json: c.JSON,
		progress: terminal.NewMeter(rawStderr, c.Quiet, c.Progress == "lines"),
	}
	if verb, ok := ctx.Value(verbKey{}).(*atomic.Value); ok && k.Selected() != nil {
		verb.Store(k.Selected().Name)
	}
	k.BindTo(ctx, (*context.Context)(nil))
	err = k.Run(e)
	e.progress.End()
	// After a failed write, help and a wrong call are told apart no longer.
	if failed := raw.Err(); failed != nil && (err == nil || isUsage(err)) {
		err = failed
	}
	if err != nil && ctx.Err() != nil && !errors.Is(err, errInterrupted) && !errors.Is(err, errAgain) &&
		!record.IsDamage(err) && !errors.Is(err, errDamaged) && !errors.Is(err, errFindings) {
		err = fmt.Errorf("%w: %w", errInterrupted, err)
	}
	return leave(stderr, err)
}

// clearer says in our words which argument is missing.
func clearer(err error) error {
	var parse *kong.ParseError
	missing, isMissing := strings.CutPrefix(err.Error(), `expected "`)
	if !isMissing || !errors.As(err, &parse) || parse.Context.Selected() == nil {
		return err
	}
	verb := parse.Context.Selected().Name
	return fmt.Errorf("%s: the argument %s is missing; sgdwalk %[1]s --help shows the call", verb, strings.TrimSuffix(missing, `"`))
}

// panicked names the place in this program at which it panicked.
func panicked() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers)])
	behind := false
	for {
		f, more := frames.Next()
		if behind && strings.HasPrefix(f.Function, "sgdwalk/") || behind && strings.HasPrefix(f.Function, "main.") {
			return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		}
		behind = behind || f.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}

type exit struct{}

// leave prints the error, if any, and says with which status to leave.
func leave(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	saidBy(stderr, err)
	fmt.Fprintf(stderr, "sgdwalk: %s\n", oneLine(err))
	switch {
	case errors.Is(err, errAgain):
		return exitAgain
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case record.IsDamage(err) || errors.Is(err, errDamaged) || errors.Is(err, errFindings):
		return exitDamaged
	case isUsage(err):
		return exitUsage
	default:
		return exitFailure
	}
}

// saidBy prints what another program said before it failed, such as a traceback,
// when that is more than the line that the error has.
func saidBy(stderr io.Writer, err error) {
	var other *objective.Error
	if !errors.As(err, &other) || len(other.Said) < 2 {
		return
	}
	fmt.Fprintf(stderr, "%s said:\n", printable.Line(other.Command))
	for _, line := range other.Said {
		fmt.Fprintf(stderr, "  %s\n", printable.Line(line))
	}
}

// oneLine keeps an error on one line, as other programs expect to read it.
var oneLine = printable.OneLine
