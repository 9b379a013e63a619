package arrowfile

// Release returns the memory of the mapped files to the operating system, so that the run
// no longer counts as resident. Views stay valid; the system reads them again from the page
// cache or the disk when they are used. An analysis of a run that is larger than its memory
// limit calls Release from time to time. It does nothing on systems without memory maps.
func (r *Reader) Release() {
	if r.closed.Load() {
		return
	}
	for _, s := range r.state.Load().segments {
		if m, ok := s.src.(interface{ release() }); ok {
			m.release()
		}
	}
}
