package exchange

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// format is a kind of file that can be read.
type format string

const (
	npyFormat         format = "npy"
	npzFormat         format = "npz"
	safetensorsFormat format = "safetensors"
	torchFormat       format = "pt"
)

const readableFormats = "what is read: files of torch.save (.pt, .pth, .bin, .ckpt), .safetensors, .npz and .npy"

// openFile opens a regular file. It checks the type first, because opening a named pipe
// would wait for a writer.
func openFile(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("exchange: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("exchange: %s: it is %s; a checkpoint is a regular file", path,
			typeName(info.Mode()))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("exchange: %w", err)
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("exchange: %w", err)
	}
	return f, info, nil
}

// typeName names a type of file that is not a regular file.
func typeName(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "not a regular file"
}

// signature recognizes a kind of file that cannot be read, and has advice for it.
type signature struct {
	at    int
	bytes string
	text  string
}

var signatures = []signature{
	{0, "version https://git-lfs", "it is a Git LFS pointer, not the checkpoint itself: get the file with git lfs " +
		"pull"},
	{0, "\x89HDF\r\n\x1a\n", "it is an HDF5 file (Keras .h5, MATLAB); save the arrays with numpy.savez"},
	{0, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", "it has the format of PyTorch before version " +
		"1.6, which has no checksums; save it again with a newer PyTorch: torch.save(torch.load(FILE, " +
		"map_location=\"cpu\"), FILE)"},
	{257, "ustar", "it is a tar archive; unpack it and import the checkpoints in it"},
	{0, "\x1f\x8b", "it is compressed by gzip; unpack it first"},
	{0, "\xfd7zXZ\x00", "it is compressed by xz; unpack it first"},
	{0, "BZh", "it is compressed by bzip2; unpack it first"},
	{0, "\x28\xb5\x2f\xfd", "it is compressed by zstd; unpack it first"},
	{0, "7z\xbc\xaf\x27\x1c", "it is a 7z archive; unpack it first"},
	{0, "GGUF", "it is a GGUF file (llama.cpp); import the checkpoint it was made from"},
	{0, "\x80\x02", pickleText},
	{0, "\x80\x03", pickleText},
	{0, "\x80\x04", pickleText},
	{0, "\x80\x05", pickleText},
}

const pickleText = "it is a Python pickle that torch.save did not write; save the state dict with torch.save, or the " +
	"arrays with numpy.savez"

// nameRules recognize kinds of files by their names, where the content is not enough.
var nameRules = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{regexp.MustCompile(`\.distcp$|^\.metadata$`), "it is a part of a distributed checkpoint " +
		"(torch.distributed.checkpoint); join it first: python -m torch.distributed.checkpoint.format_utils " +
		"dcp_to_torch DIRECTORY FILE.pt"},
	{
		regexp.MustCompile(`^(bf16_|fp16_)?(zero_pp_rank_|mp_rank_|layer_\d+-model_)\d+.*_states\.pt$`),
		"it is one rank's file of a DeepSpeed checkpoint; join the files first with the script zero_to_fp32.py of " +
			"their directory (rename the file if it has the whole model)",
	},
	{
		regexp.MustCompile(`\.data-\d+-of-\d+$|\.ckpt(-\d+)?\.(index|meta)$`),
		"it is a part of a TensorFlow checkpoint; save the variables with numpy.savez",
	},
}

// rankName matches rank0.pt and step100_rank0.pt, which single processes saved. The rank
// in lora_rank8.pt is the rank of a matrix.
var (
	rankName   = regexp.MustCompile(`(?i)^rank[_-]?\d+\b|(^|[^a-z])rank[_-]?\d+\.[a-z.]+$`)
	matrixRank = regexp.MustCompile(`(?i)lora|low`)
)

// checkName returns an error for files whose names say that they are a part of a
// checkpoint.
func checkName(path string) error {
	name := filepath.Base(path)
	for _, r := range nameRules {
		if r.pattern.MatchString(name) {
			return errors.New(r.text)
		}
	}
	if rankName.MatchString(name) && !matrixRank.MatchString(name) {
		return errors.New("its name says that it is one rank's part of a model; join the parts first (rename the " +
			"file if it has the whole model)")
	}
	return nil
}

// recognize finds the format of a file from its content. The name is used only for a
// better error about a damaged safetensors header. A zip archive is returned open.
func recognize(name string, file io.ReaderAt, size int64) (format, *zip.Reader, error) {
	start := make([]byte, min(size, 512))
	if _, err := file.ReadAt(start, 0); err != nil && !errors.Is(err, io.EOF) {
		return "", nil, err
	}
	has := func(prefix string) bool { return bytes.HasPrefix(start, []byte(prefix)) }
	switch {
	case size == 0:
		return "", nil, errors.New("it is empty: writing or downloading it did not finish")
	case looksLikeSafetensors(start): // first, because its length may equal another signature
		return safetensorsFormat, nil, nil
	case has(npyMagic):
		return npyFormat, nil, nil
	case has("PK"):
		return recognizeZip(file, size)
	}
	for _, s := range signatures {
		if s.at <= len(start) && bytes.HasPrefix(start[s.at:], []byte(s.bytes)) {
			return "", nil, errors.New(s.text)
		}
	}
	word := strings.ToLower(strings.TrimLeft(string(start), "\ufeff \t\r\n"))
	switch {
	case strings.HasPrefix(word, "<"):
		return "", nil, errors.New("it is a web page or XML, not a checkpoint; the download probably failed")
	case len(word) > 1 && (word[0] == '{' || word[0] == '['):
		return "", nil, errors.New("it is JSON text, not a checkpoint")
	case isTensorFlowIndex(file, size):
		return "", nil, errors.New("it is the index of a TensorFlow checkpoint; save the variables with numpy.savez")
	case strings.EqualFold(filepath.Ext(name), ".safetensors"):
		return safetensorsFormat, nil, nil
	}
	return "", nil, fmt.Errorf("its format is not known: it begins with %.16q; %s", start[:min(16, len(start))],
		readableFormats)
}

// looksLikeSafetensors reports whether a file begins with the length of a header, followed
// by a JSON object.
func looksLikeSafetensors(start []byte) bool {
	return len(start) > 8 && start[8] == '{' && binary.LittleEndian.Uint64(start) <= maxSafetensorsHeader
}

// isTensorFlowIndex reports whether a file ends with the magic number of a LevelDB table, which is
// the format of a TensorFlow index.
func isTensorFlowIndex(file io.ReaderAt, size int64) bool {
	end := make([]byte, 8)
	_, err := file.ReadAt(end, max(0, size-8))
	return err == nil && string(end) == "\x57\xfb\x80\x8b\x24\x75\x47\xdb"
}

// recognizeZip tells the archives of torch.save and of numpy.savez apart.
func recognizeZip(file io.ReaderAt, size int64) (format, *zip.Reader, error) {
	z, err := zip.NewReader(file, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are not used as paths
		return "", nil, fmt.Errorf("it begins like a zip archive (.pt or .npz), but is cut off or damaged: %w", err)
	}
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	ends := func(pattern string) bool {
		return slices.ContainsFunc(names, func(name string) bool { ok, _ := path.Match(pattern, name); return ok })
	}
	switch {
	case ends("*/constants.pkl"):
		return "", nil, errors.New("it is a TorchScript program (torch.jit.save); save its state dict: " +
			"torch.save(torch.jit.load(FILE).state_dict(), OTHER)")
	case ends("*/data.pkl"), ends("data.pkl"):
		return torchFormat, z, nil
	case slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, ".npy") }):
		return npzFormat, z, nil
	case ends("*.weights.h5"):
		return "", nil, errors.New("it is a Keras model; save the arrays with numpy.savez")
	}
	return "", nil, fmt.Errorf("it is a zip archive, but neither of torch.save (no data.pkl) nor of numpy.savez (no "+
		".npy); it has %s", quoteList(names))
}
