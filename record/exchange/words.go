package exchange

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
)

// word is a run of letters or a run of digits in the name of a file or folder.
type word struct {
	text       string // lower case
	isNumber   bool
	isAttached bool // no separator is between this word and the word before it
}

// nonStepMark replaces a number that is never a step.
const nonStepMark = "\x00"

// neverSteps matches numbers that are never steps, also after a word such as "step":
// dates with a time, decimals, powers of ten, negative numbers, UUIDs, shards
// (00001-of-00003) and the number of a copy, as in "model (1)".
var neverSteps = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(strings.Join([]string{
		`(?:19|20)\d\d[-_.](?:0[1-9]|1[0-2])[-_.](?:0[1-9]|[12]\d|3[01])(?:[t_ ` +
			`-]+[0-2]\d[-_:.h]?[0-5]\d(?:[-_:.m]?[0-5]\d)?)?`,
		`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`,
		`\d+(?:\.\d+)+(?:e[-+]?\d+)?`,
		`\d+e[-+]?\d+`,
		`=[-.]\d+`,
		`\d{4,}-of-\d{4,}`,
		`\(\d+\)`,
	}, "|"))
})

// thousands are digits in groups of three.
var thousands = regexp.MustCompile(`\d{1,3}(?:,\d{3})+`)

// splitWords divides a name into its words.
func splitWords(name string) []word {
	name = thousands.ReplaceAllStringFunc(strings.ToLower(name), func(s string) string {
		return strings.ReplaceAll(s,
			",", "")
	})
	name = neverSteps().ReplaceAllString(name, " "+nonStepMark+" ")
	var out []word
	glued := false
	for name != "" {
		kind := runeKind(rune(name[0]))
		end := strings.IndexFunc(name, func(r rune) bool { return runeKind(r) != kind })
		if end < 0 {
			end = len(name)
		}
		text := name[:end]
		name = name[end:]
		if kind == separator && !strings.Contains(text, nonStepMark) {
			glued = false
			continue
		}
		if kind == separator {
			text = nonStepMark
		}
		out = append(out, word{text, kind == digit, glued && kind != separator})
		glued = kind != separator
	}
	return out
}

const (
	separator = iota
	letter
	digit
)

// runeKind classifies a character. Every character beyond ASCII counts as a letter, because the
// name is cut byte by byte.
func runeKind(r rune) int {
	switch {
	case '0' <= r && r <= '9':
		return digit
	case unicode.IsLetter(r) || r >= 0x80:
		return letter
	}
	return separator
}

// Words that mark the number after them, or before them, as a step. They are the names
// that training scripts use.
var (
	stepWords  = []string{"step", "steps"}
	iterWords  = []string{"iter", "iters", "iteration", "iterations", "it", "its", "itr", "update", "updates"}
	savedWords = []string{"checkpoint", "checkpoints", "ckpt", "ckpts", "chkpt", "chk", "cp"}
	epochWords = []string{"epoch", "epochs", "ep"}
	// marks also at the end of a longer word, as in globalstep
	longEndings = []string{"step", "steps", "epoch", "epochs", "checkpoint", "ckpt"}
)

// notBefore are words that turn a following "step" into a setting, as in
// warmup_steps_100 and total-steps=1000.
var notBefore = map[string]bool{
	"warmup": true, "total": true, "max": true, "num": true, "n": true, "per": true, "every": true,
	"eval": true, "save": true, "accum": true, "accumulation": true, "time": true, "sub": true, "micro": true,
	"timestep": true, "timesteps": true, "substep": true, "microstep": true, "maxsteps": true,
	"numsteps": true, "nsteps": true, "totalsteps": true,
}

// otherNumbers are words whose number is not a step.
var otherNumbers = map[string]bool{}

func init() {
	for _, w := range strings.Fields(`seed seeds rank ranks fold folds split v ver version lr rate wd bs batch batches batchsize size
		loss losses acc acc1 acc5 accuracy err error ppl perplexity val valid validation score reward metric miou iou map ap auc bleu top
		dim width depth layer layers block blocks head heads hidden dmodel params tokens examples samples
		gpu gpus node nodes worker workers device world tp pp dp mp trial trials exp experiment run runs
		fp bf int float part shard of beta alpha gamma momentum dropout temp temperature eta eps
		task copy try attempt cuda torch python jax tf month day year date hour min sec time job slurm`) {
		otherNumbers[w] = true
	}
}
