package exchange

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func unpickled(text string) (any, error) { return unpickle(strings.NewReader(text), int64(len(text))) }

// shown writes a value as text, for comparisons.
func shown(v any) string {
	switch v := v.(type) {
	case *dict:
		var out []string
		for _, it := range v.items {
			out = append(out, it.key+":"+shown(it.value))
		}
		return "{" + strings.Join(out, " ") + "}"
	case *list:
		var out []string
		for _, x := range v.items {
			out = append(out, shown(x))
		}
		return v.class + "[" + strings.Join(out, " ") + "]"
	case *opaque:
		return "<" + v.class + ">"
	}
	return fmt.Sprint(v)
}

// TestPickles: what Python wrote, in every protocol. The pickles are those of
//
//	{"a": [1, -2, 300, 70000, 1 << 40, 1 << 80], "b": (1.5, True, None), "c": b"\xff", "d": {1}, 3: 4}
//
// by Python 3.11, without memos that are not used again.
func TestPickles(t *testing.T) {
	const value = "{a:list[1 -2 300 70000 1099511627776 <int>] b:tuple[1.5 true <nil>] c:\xff d:set[1]}"
	for text, want := range map[string]string{
		"(dp0\nVa\np1\n(lp2\nI1\naI-2\naI300\naI70000\naL1099511627776L\naL1208925819614629174706176L\nasVb\np3\n(F1.5\nI01\nNtp4\nsVc\np5\nc_codecs\nencode\np6\n(V\xc3\xbf\np7\nVlatin1\np8\ntp9\nRp10\nsVd\np11\nc__builtin__\nset\np12\n((lp13\nI1\natp14\nRp15\nsI3\nI4\ns.":                                                                                                                                                                                value,
		"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00\x8a\x06\x00\x00\x00\x00\x00\x01\x8a\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01eX\x01\x00\x00\x00bq\x03G?\xf8\x00\x00\x00\x00\x00\x00\x88N\x87q\x04X\x01\x00\x00\x00cq\x05c_codecs\nencode\nq\x06X\x02\x00\x00\x00\xc3\xbfq\x07X\x06\x00\x00\x00latin1q\x08\x86q\tRq\nX\x01\x00\x00\x00dq\x0bc__builtin__\nset\nq\x0c]q\rK\x01a\x85q\x0eRq\x0fK\x03K\x04u.": value,
		"\x80\x04\x95\x54\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94]\x94(K\x01J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00\x8a\x06\x00\x00\x00\x00\x00\x01\x8a\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01e\x8c\x01b\x94G?\xf8\x00\x00\x00\x00\x00\x00\x88N\x87\x94\x8c\x01c\x94C\x01\xff\x94\x8c\x01d\x94\x8f\x94(K\x01\x90K\x03K\x04u.":                                                                                                                      value,
		"\x80\x05\x96\x02\x00\x00\x00\x00\x00\x00\x00ab.": "ab",
		"(K\x01K\x02\x91.": "frozenset[1 2]",
		"\x80\x04\x8c\x02my\x8c\x05Thing\x93)\x81}\x8c\x01ak\x01.": "",
		"\x80\x04\x8c\x02my\x8c\x05Thing\x93)}\x92.":               "<my.Thing>",
		"\x80\x04\x8c\x02m\n\x8c\x05\x1b[31m\x93)R.":               `<m\n.\x1b[31m>`,
		"(imy\nThing\n.":                       "<my.Thing>",
		"(cmy\nThing\nK\x01o.":                 "<my.Thing>",
		"cos\nsystem\n(X\x02\x00\x00\x00lstR.": "<os.system>",
		"cbuiltins\neval\n(X\x01\x00\x00\x001tR(X\x01\x00\x00\x00atR.":        "<builtins.eval>",
		"ccopy_reg\n_reconstructor\n(cmy\nThing\nc__builtin__\nobject\nNtRb.": "",
		"K\x01K\x020.":       "1",
		"(K\x01K\x021K\x03.": "3",
		"]2\x86.":            "tuple[list[] list[]]",
		"ccollections\nOrderedDict\n(]](X\x01\x00\x00\x00aK\x01eatR.": "{a:1}",
		"}X\x01\x00\x00\x00aK\x01sX\x01\x00\x00\x00aK\x02s.":          "{a:2}",
		"S'text'\n.": "text",
	} {
		got, err := unpickled(text)
		if want == "" {
			if err == nil {
				t.Errorf("%q: %s; want an error", text, shown(got))
			}
			continue
		}
		if err != nil || shown(got) != want {
			t.Errorf("%q:\n%s, %v; want\n%s", text, shown(got), err, want)
		}
	}
}

// TestHostilePickles: one line, little memory and little time for each.
func TestHostilePickles(t *testing.T) {
	const huge = "\x00\x00\x00\x00\x00\x01\x00\x00" // 2^40
	entries := ""
	for i := range 1000 {
		entries += fmt.Sprintf("X\x04\x00\x00\x00%04dK\x01\x86", i)
	}
	for name, test := range map[string]struct{ text, want string }{
		"empty":           {"", "unexpected EOF"},
		"no end":          {"\x80\x02}", "unexpected EOF"},
		"protocol":        {"\x80\x06.", "protocol is 6"},
		"opcode":          {"\xff.", "the opcode 0xff is not known"},
		"buffers":         {"\x97.", "the opcode 0x97 is not known"},
		"bytes":           {"\x8e" + huge + "a.", "claims 1099511627776 bytes; 2 are left"},
		"text":            {"\x8d" + huge + ".", "claims 1099511627776 bytes"},
		"long":            {"\x8b\xff\xff\xff\xff.", "claims 4294967295 bytes"},
		"frame":           {"\x80\x04\x95" + huge + ".", "a frame claims 1099511627776 bytes"},
		"negative length": {"\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", "claims 18446744073709551615 bytes"},
		"line":            {"I" + strings.Repeat("1", 200_000) + "\n.", "a line has more than"},
		"number":          {"p" + "x\n.", "not a whole number"},
		"empty stack":     {"0.", "a value is missing"},
		"nothing":         {".", "a value is missing"},
		"no mark":         {"t.", "a mark is missing"},
		"below a mark":    {"K\x01(R.", "a value is missing"},
		"memo":            {"h\x05.", "value 5 is missing in its memo"},
		"odd dict":        {"}(K\x01u.", "a key of a dict has no value"},
		"class name":      {"K\x01K\x02\x93.", "not a string"},
		"deep":            {strings.Repeat("(", 3<<20) + ".", "marks are on its stack"},
		"stack":           {strings.Repeat("N", 3<<20) + ".", "values are on its stack"},
		"copies of a dict": {"](" + entries + "e\x85q\x010" +
			strings.Repeat("ccollections\nOrderedDict\nh\x01R", 3000) + "\x85.", "values are in its containers"},
		"lists of each list": {
			"]q\x000" +
				strings.Repeat("(h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00lq\x000", 250_000) + "h\x00.",
			"values are in its containers",
		},
	} {
		start := time.Now()
		var err error
		bytes := allocated(func() { _, err = unpickled(test.text) })
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want %s", name, err, test.want)
		}
		if limit := uint64(1<<20 + 256*len(test.text)); bytes > limit || time.Since(start) > 10*time.Second {
			t.Errorf("%s: %d bytes were allocated, and it took %v", name, bytes, time.Since(start))
		}
	}
}

// Numbers of a long list and long texts are skipped.
func TestPickleHistory(t *testing.T) {
	text := "](" + strings.Repeat("G?\xf8\x00\x00\x00\x00\x00\x00", 100_000) + "e(X\x00\x00\x02\x00" +
		strings.Repeat("a", 2<<16) + "e."
	v, err := unpickled(text)
	if err != nil {
		t.Fatal(err)
	}
	if l := v.(*list); len(l.items) != maxListNumbers+1 || shown(l.items[maxListNumbers]) != "<str>" {
		t.Errorf("%d values are kept", len(l.items))
	}
}

// FuzzUnpickle: any bytes end in a value or in an error of one line.
func FuzzUnpickle(f *testing.F) {
	for _, seed := range []string{
		"\x80\x02}(X\x01\x00\x00\x00aK\x01u.", "(dp0\nVa\nI1\ns.",
		"\x80\x04\x95\x03\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01e.",
		"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02tQK\x00K\x02\x85K\x01\x85\x89NtR.",
		"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(X\x02\x00\x00\x00i8tR(K\x03X\x01\x00\x00\x00>tbC\x0800000000tR.",
		"ctorch._tensor\n_rebuild_from_type_v2\n(cx\ny\ncx\nz\n)NtR.", "\x8f(K\x01\x90(K\x01\x91\x86.",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value, err := unpickled(string(text))
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err.Error())
			}
			return
		}
		z := &torchArchive{}
		if found, err := findStateDict(value, ""); err == nil {
			c := &container{}
			z.stepAndEpoch(c, value, found)
			_ = c.addTensors(z, found.dict)
		}
	})
}
