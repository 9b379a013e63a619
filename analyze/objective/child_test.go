package objective_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sgdwalk/record"
)

// modeName is the variable that makes the test binary a child.
const modeName = "SGDWALK_OBJECTIVE_CHILD"

func TestMain(m *testing.M) {
	if mode := os.Getenv(modeName); mode != "" {
		runChild(mode)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runChild is an objective of its own, written from OBJECTIVE.md and nothing of the
// package: the loss is half the sum of i theta_i^2, plus the sum of state. A mode
// makes it do something wrong.
func runChild(mode string) {
	mode, argument, _ := strings.Cut(mode, "=")
	if mode == "dies-at-start" {
		fmt.Fprintln(os.Stderr, "first words")
		fmt.Fprintln(os.Stderr, "no module named torch")
		os.Exit(3)
	}
	if mode == "silent" {
		time.Sleep(time.Hour)
	}
	in := bufio.NewReader(os.Stdin)
	var hello struct {
		Layout      json.RawMessage `json:"layout"`
		StateLayout json.RawMessage `json:"state_layout"`
		Theta       string          `json:"theta"`
		State       string          `json:"state"`
		Gradient    string          `json:"gradient"`
		Vectors     string          `json:"vectors"`
		Products    string          `json:"products"`
	}
	line, _ := in.ReadBytes('\n')
	check(json.Unmarshal(line, &hello))
	layout := string(hello.Layout)
	switch mode {
	case "other-layout":
		layout = strings.Replace(layout, `"shape":[2,3]`, `"shape":[3,2]`, 1)
	case "banner":
		fmt.Println("Files already downloaded and verified")
		fmt.Print("3\n{\"epoch\": 1}\n[1]\n\x1b[2JNaN\n")
	case "banner-and-dies":
		fmt.Println("Loading the data ...")
		os.Exit(5)
	case "other-version":
		fmt.Println(`{"sgdwalk_objective":2}`)
	}
	stateLayout := orEmpty(hello.StateLayout)
	if mode == "keeps-state" {
		stateLayout = "null"
	}
	fmt.Printf(`{"sgdwalk_objective":1,"layout":%s,"state_layout":%s,"gradient":%t,"hessian":%t}`+"\n", layout,
		stateLayout, mode != "no-gradient", strings.HasPrefix(mode, "hessian"))
	theta, state, gradient := open(hello.Theta), open(hello.State), open(hello.Gradient)
	vectors, products := open(hello.Vectors), open(hello.Products)
	n := 0
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			break
		}
		var r struct {
			ID      int64    `json:"id"`
			Want    []string `json:"want"`
			Vectors int      `json:"vectors"`
		}
		check(json.Unmarshal(line, &r))
		n++
		if slices.Contains(r.Want, "hessian") {
			multiply(mode, r.ID, n, floats(vectors), r.Vectors, products)
			continue
		}
		if mode == "trivial" { // for benchmarks: an answer without any work
			first := make([]byte, 4)
			_, err := theta.ReadAt(first, 0)
			check(err)
			fmt.Printf(`{"id":%d,"loss":%v}`+"\n", r.ID, math.Float32frombits(binary.LittleEndian.Uint32(first)))
			continue
		}
		x := floats(theta)
		loss := 0.0
		for i, v := range x {
			loss += float64(i+1) * float64(v) * float64(v) / 2
		}
		for _, v := range floats(state) {
			loss += float64(v)
		}
		if mode == "cuts" && n == 2 {
			check(theta.Truncate(0))
		}
		if slices.Contains(r.Want, "gradient") {
			g := make([]byte, 0, 4*len(x))
			for i, v := range x {
				g = binary.LittleEndian.AppendUint32(g, math.Float32bits(slope(mode, i, v)))
			}
			_, err := gradient.WriteAt(g, 0)
			check(err)
		}
		misbehave(mode, argument, n, r.ID, &loss)
		accuracy, frozen := "0.5", "[]"
		switch mode {
		case "percent":
			accuracy = "93.2"
		case "rounded-up":
			accuracy = "1.0000001"
		case "hessian-frozen":
			frozen = `["b"]`
		case "frozen-unknown":
			frozen = `["c"]`
		}
		answer := fmt.Sprintf(`{"id":%d,"loss":%s,"accuracy":%s,"test_loss":%s,"frozen":%s}`, r.ID, number(loss),
			accuracy, number(2*loss), frozen)
		fmt.Println(answer)
		if mode == "twice" {
			fmt.Println(answer)
		}
	}
	switch mode {
	case "hangs-at-exit":
		time.Sleep(time.Hour)
	case "dies-at-end":
		fmt.Fprintln(os.Stderr, "cannot save")
		os.Exit(4)
	case "last-words":
		fmt.Println(`{"id":99,"loss":1}`)
	}
}

// slope is an element of the gradient, or what a mode makes of it.
func slope(mode string, i int, v float32) float32 {
	g := float32(i+1) * v
	switch {
	case mode == "gradient-double":
		return 2 * g
	case mode == "gradient-negative":
		return -g
	case mode == "gradient-other": // of half the sum of squares
		return v
	case mode == "gradient-zero" || mode == "hessian-frozen" && i >= 6:
		return 0
	case mode == "gradient-nearly": // 3 % more: batches of unequal size
		return 1.03 * g
	}
	return g
}

// multiply answers a request for products: the Hessian is diagonal, i at i.
func multiply(mode string, id int64, n int, vectors []float32, count int, products *os.File) {
	if mode == "hessian-absent" || mode == "hessian-ends" && n > 12 {
		fmt.Printf(`{"id":%d,"hessian_absent":"the gradient cannot be differentiated"}`+"\n", id)
		return
	}
	var out []byte
	for i, v := range vectors[:count*layout.Len()] {
		h := float32(i%layout.Len() + 1)
		switch {
		case mode == "hessian-double":
			h *= 2
		case mode == "hessian-zero":
			h = 0
		case mode == "hessian-asymmetric": // as a layer without a second derivative leaves it
			if v = vectors[i-i%layout.Len()]; i%layout.Len() > 3 {
				h = 0
			}
		case mode == "hessian-frozen" && i%layout.Len() >= 6:
			h = 0
		}
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(h*v))
	}
	_, err := products.WriteAt(out, 0)
	check(err)
	fmt.Printf(`{"id":%d}`+"\n", id)
}

// misbehave does what a mode does at the n-th request.
func misbehave(mode, argument string, n int, id int64, loss *float64) {
	switch mode {
	case "wrong-id":
		fmt.Printf(`{"id":%d,"loss":1}`+"\n", id+5)
	case "no-id":
		fmt.Println(`{"loss":1}`)
	case "prints":
		if n == 3 {
			fmt.Println("epoch 3: fine")
		}
	case "no-loss":
		fmt.Printf(`{"id":%d,"accuracy":1}`+"\n", id)
	case "text":
		fmt.Printf(`{"id":%d,"loss":"low"}`+"\n", id)
	case "null":
		fmt.Printf(`{"id":%d,"loss":null}`+"\n", id)
	case "error":
		fmt.Fprintln(os.Stderr, "Traceback")
		fmt.Printf(`{"id":%d,"error":"ValueError: shapes"}`+"\n", id)
	case "traceback":
		fmt.Fprint(os.Stderr, "Traceback (most recent call last):\n  File \"objective.py\", line 3\nValueError: "+
			"shapes \x1b[31m\n")
		fmt.Printf(`{"id":%d,"error":"ValueError: shapes"}`+"\n", id)
	case "coarse": // as a program that prints few digits
		*loss = math.Round(1e4**loss) / 1e4
	case "float32":
		*loss = float64(float32(*loss)) * (1 + 1e-7*math.Sin(1e9**loss))
	case "offset":
		*loss = float64(float32(*loss + 1e5))
	case "flat":
		*loss = 0.7
	case "bare-nan":
		*loss = math.NaN()
	case "infinite":
		*loss = math.Inf(-1)
	case "noisy":
		*loss += float64(n)
	case "own-data":
		*loss += float64(os.Getpid())
	case "sleeps":
		time.Sleep(100 * time.Millisecond)
	case "slow":
		time.Sleep(time.Hour)
	case "grandchild":
		c := exec.Command("sleep", "3600")
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		check(c.Start())
		check(os.WriteFile(argument, []byte(strconv.Itoa(c.Process.Pid)), 0o666))
		time.Sleep(time.Hour)
	case "always-dies":
		fmt.Fprintln(os.Stderr, "out of memory")
		os.Exit(9)
	case "dies-once": // the argument names a file that says that it did
		if _, err := os.Stat(argument); err != nil && n == 3 {
			check(os.WriteFile(argument, nil, 0o666))
			os.Exit(9)
		}
	case "dies-half-way":
		if _, err := os.Stat(argument); err != nil && n == 3 {
			check(os.WriteFile(argument, nil, 0o666))
			fmt.Printf(`{"id":%d,"lo`, id)
			os.Exit(9)
		}
	case "ends":
		if n == 3 {
			os.Exit(0)
		}
	case "long-line":
		if n == 3 {
			fmt.Println(strings.Repeat("x", 17<<20))
		}
	case "dies-and-differs":
		if _, err := os.Stat(argument); err == nil {
			*loss++
		} else if n == 3 {
			check(os.WriteFile(argument, nil, 0o666))
			os.Exit(9)
		}
	}
}

func number(v float64) string {
	switch {
	case v != v:
		return "NaN" // bare, as Python writes it
	case math.IsInf(v, 0):
		return strings.Replace(strings.Replace(fmt.Sprintf("%q", fmt.Sprint(v)), "Inf", "Infinity", 1), "+", "", 1)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func orEmpty(m json.RawMessage) string {
	if len(m) == 0 || string(m) == "null" {
		return "[]"
	}
	return string(m)
}

func open(path string) *os.File {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	check(err)
	return f
}

func floats(f *os.File) []float32 {
	if f == nil {
		return nil
	}
	info, err := f.Stat()
	check(err)
	b := make([]byte, info.Size())
	_, err = f.ReadAt(b, 0)
	check(err)
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var (
	layout = record.Layout{
		{Name: "w", Kind: record.Weight, Shape: []int{2, 3}},
		{Name: "b", Kind: record.Bias, Shape: []int{2}, Offset: 6},
	}
	stateLayout = record.Layout{{Name: "mean", Kind: record.RunningMean, Shape: []int{2}}}
)
