package submit

import "debug/elf"

// WhyNotStatic returns why a program cannot run alone in an image, for a message that begins
// with the name of the program. It is empty if the program can.
func WhyNotStatic(program string) string {
	f, err := elf.Open(program)
	if err != nil {
		return "is not a program for linux"
	}
	defer f.Close()
	for _, s := range f.Progs {
		if s.Type == elf.PT_INTERP {
			return "needs shared libraries"
		}
	}
	return ""
}
