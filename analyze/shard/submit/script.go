package submit

import (
	"bytes"
	"fmt"
	"sync"
	"text/template"

	"sgdwalk/analyze/shard"
)

// again is the exit status of a worker that was stopped and must continue later.
const again = 75

// mostRestarts bounds how often a task goes back into the queue. A task whose units take
// longer than its time limit would otherwise restart forever.
const mostRestarts = 100

// scriptValues are the values of the templates.
type scriptValues struct {
	Plan, Program, Kernel string
	Hash                  string
	Shards                int
	Again, MostRestarts   int
	Objective             string // command that the plan starts, allowed by the user of submit
}

func newScriptValues(p *shard.Plan, program, objective string) scriptValues {
	return scriptValues{p.Dir(), program, p.Identity.Kernel, p.Hash(), p.Shards, again, mostRestarts, objective}
}

var shardsScript = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("shards").Funcs(template.FuncMap{"sh": ShellQuote}).Parse(`#!/bin/bash
# Written by sgdwalk submit. Computes one of the {{.Shards}} shards of plan {{.Hash}}: the
# task's number plus the argument, which is 0 unless one array cannot hold them all.
# Slurm has the resources from sbatch's arguments.
{{- if .Kernel}}

# The instruction set that the plan was made with: all shards have the same bits.
export SGDWALK_KERNEL={{sh .Kernel}}
{{- end}}

shard=$((SLURM_ARRAY_TASK_ID + ${1:-0}))
task=${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}
echo "shard $shard: task $task on ${SLURMD_NODENAME:-$(hostname)}, start $((${SLURM_RESTART_COUNT:-0} + 1)), $(date)"

# Slurm signals this shell alone. The worker then finishes its unit and leaves
# with status {{.Again}}; what it has is kept, however it ends.
told=no
worker=
trap 'told=yes; if [ -n "$worker" ]; then kill -TERM "$worker" 2>/dev/null; fi' TERM
{{sh .Program}} work {{sh .Plan}} --shard "$shard" --grace 50s --quiet{{with .Objective}} --objective {{sh .}}{{end}} &
worker=$!
if [ "$told" = yes ]; then kill -TERM "$worker" 2>/dev/null; fi # between the two lines
while :; do
  told=no
  wait "$worker"
  status=$?
  [ "$told" = no ] && break # otherwise the signal ended wait, perhaps not the worker
done

if [ "$status" -eq {{.Again}} ]; then
  # Slurm calls a task COMPLETING that was cancelled, which is to stay so, and one that
  # it is putting back into the queue itself.
  state=$(scontrol --oneliner show job "$task" | sed -n 's/.* JobState=\([A-Z_]*\).*/\1/p')
  if [ "$state" != RUNNING ]; then
    echo "shard $shard: stopped, ${state:-state unknown}"
  elif [ "${SLURM_RESTART_COUNT:-0}" -ge {{.MostRestarts}} ]; then
    echo "shard $shard: it was started {{.MostRestarts}} times and is not put back again; is --time long enough for a unit?" >&2
  else
    echo "shard $shard: back into the queue"
    scontrol requeue "$task"
  fi
fi
exit "$status"
`))
})

var mergeScript = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("merge").Funcs(template.FuncMap{"sh": ShellQuote}).Parse(`#!/bin/bash
# Written by sgdwalk submit. Writes the result of plan {{.Hash}}.
{{- if .Kernel}}
export SGDWALK_KERNEL={{sh .Kernel}}
{{- end}}
exec {{sh .Program}} merge {{sh .Plan}} --quiet{{with .Objective}} --objective {{sh .}}{{end}}
`))
})

// execute fills in a template.
func execute(t *template.Template, values any) (string, error) {
	var b bytes.Buffer
	if err := t.Execute(&b, values); err != nil {
		return "", fmt.Errorf("submit: %w", err)
	}
	return b.String(), nil
}
