package report_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sgdwalk/analyze/report"
	"sgdwalk/record"
)

// The report of a run without results describes the run and names the next commands.
func Example() {
	dir, err := os.MkdirTemp("", "report")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	h := record.Header{
		Format: record.FormatVersion, DType: "float32", Model: "mlp:8", Data: record.Data{Spec: "digits"},
		Optimizer: record.Optimizer{Name: "sgd", Hyperparameters: map[string]float64{"learning_rate": 0.5}},
		Layout:    record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{2, 2}}),
	}
	b, err := h.Encode()
	if err != nil {
		fmt.Println(err)
		return
	}
	run := filepath.Join(dir, "run")
	if err := os.Mkdir(run, 0o777); err != nil {
		fmt.Println(err)
		return
	}
	if err := os.WriteFile(filepath.Join(run, "header.json"), b, 0o666); err != nil {
		fmt.Println(err)
		return
	}
	r, err := report.Open(run)
	if err != nil {
		fmt.Println(err)
		return
	}
	var page bytes.Buffer
	if err := report.Write(&page, []report.Run{r}, report.Options{}); err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(page.String()) {
		if strings.Contains(line, "missing") && strings.Contains(line, "<code>") {
			_, command, _ := strings.Cut(line, "<code>")
			command, _, _ = strings.Cut(command, "</code>")
			fmt.Println(command)
		}
	}
	// Output:
	// sgdwalk path run
	// sgdwalk walk --objective=COMMAND run
	// sgdwalk pca run
	// sgdwalk landscape --objective=COMMAND run
}
