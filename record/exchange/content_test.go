package exchange

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestContent: the content says what a file is, whatever its name says.
func TestContent(t *testing.T) {
	dir := t.TempDir()
	torch := torchZip(t, pairs{"w", vector("FloatStorage", "0", 2)}, "x/data/0", eighths(2, binary.LittleEndian))
	for name, file := range map[string][]byte{
		"pytorch_model.bin":       torch,
		"epoch=0-step=100.ckpt":   torch,
		"checkpoint.pth.tar":      torch,
		"checkpoint":              torch,
		"wrong.npz":               torch,
		"lora_rank8.pt":           torch,
		"low-rank-16.pt":          torch,
		"ranked.pt":               torch,
		"step100_rank8_final.bin": torch,
		"archive.pt":              archiveOf(t, 0, entry{"w", npy("<f4", []byte(eighths(2, binary.LittleEndian)), 2)}),
		"tensors.ckpt":            safetensorsOf(t, nil, f32("w", []float32{0, 0.125}, 2)),
		// A length of the header that begins as a pickle does.
		"pickle.bin": rawSafetensors(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`+
			strings.Repeat(" ", 0x480-54), 8),
	} {
		m, _, err := load([]string{save(t, dir, name, file)}, ImportOptions{})
		if err != nil || m.Len() != 1 || m.Header().Layout.Len() != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOtherContent: one line says what a file is that is not read, and what to do.
func TestOtherContent(t *testing.T) {
	dir := t.TempDir()
	tar := make([]byte, 512)
	copy(tar[257:], "ustar")
	for name, test := range map[string]struct{ file, want string }{
		"empty.pt": {"", "it is empty"},
		"lfs.safetensors": {
			"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
			"Git LFS pointer",
		},
		"page.safetensors":           {" \n<!DOCTYPE html><html>", "web page"},
		"index.json":                 {`{"weight_map": {}}`, "JSON text"},
		"model.pt":                   {"\x89HDF\r\n\x1a\n....", "HDF5"},
		"model.pth.tar":              {string(tar), "tar archive"},
		"model.bin":                  {"\x1f\x8b\x08.....", "compressed by gzip"},
		"plain.pt":                   {"\x80\x04K\x01.", "pickle that torch.save did not write"},
		"model.gguf":                 {"GGUF\x03", "GGUF"},
		"model.ckpt.index":           {"x", "TensorFlow"},
		"x.data-00000-of-00001":      {"x", "TensorFlow"},
		"ckpt":                       {"0123\x57\xfb\x80\x8b\x24\x75\x47\xdb", "TensorFlow"},
		"text.pt":                    {"0.1 0.2", `begins with "0.1 0.2"; what is read: files of torch.save`},
		"rank0.pt":                   {"x", "one rank's part"},
		"step_100-rank_3.pth":        {"x", "one rank's part"},
		"__0_0.distcp":               {"x", "dcp_to_torch"},
		".metadata":                  {"x", "dcp_to_torch"},
		"mp_rank_00_model_states.pt": {"x", "zero_to_fp32.py"},
		"zero_pp_rank_0_mp_rank_00_optim_states.pt":      {"x", "zero_to_fp32.py"},
		"bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt": {"x", "zero_to_fp32.py"},
	} {
		path := save(t, dir, name, []byte(test.file))
		_, err := openContainer(path, "")
		if err == nil || !strings.Contains(err.Error(), test.want) ||
			!strings.HasPrefix(err.Error(), "exchange: "+path+": ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want a line with %s", name, err, test.want)
		}
	}
	if _, err := openContainer(dir, ""); err == nil || !strings.Contains(err.Error(), "it is a directory") {
		t.Errorf("a directory: %v", err)
	}
	if _, err := openContainer(filepath.Join(dir, "none.pt"), ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
