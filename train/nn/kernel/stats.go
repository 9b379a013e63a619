package kernel

// Stats placeholder.
type Stats[T Float] struct{}

func (s *Stats[T]) add([]T, int, int, int, int) {}
