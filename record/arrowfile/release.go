package arrowfile

// Release gives the memory of the mapped files back to the system: the run no
// longer counts as resident. What was handed out stays valid, and what of it is
// looked at again comes from the page cache or the disk. An analysis that walks
// over a run larger than it may keep in memory calls it now and then. Where the
// system has no memory map there is nothing to give back.
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
