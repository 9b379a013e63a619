package objective

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"sgdwalk/analyze"
)

var (
	_ analyze.HessianProduct = View{}
	_ analyze.Frozen         = View{}
)

// HessianAbsent says why the program multiplies no vectors by the Hessian; empty
// if products are available. Call it after Check, which requests the first product.
func (o *Objective) HessianAbsent() string {
	if !o.o.Hessian {
		return "the program was started without products"
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.absent
}

// Frozen returns the ranges of theta for which the program has no gradient: frozen
// parameters and parameters that the loss does not use. Call it after Check.
func (o *Objective) Frozen() [][2]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.frozen
}

// HessianVectors sets dst[i] to the Hessian at theta times v[i].
func (o *Objective) HessianVectors(ctx context.Context, theta []float32, v, dst [][]float32) error {
	return o.all().HessianVectors(ctx, theta, v, dst)
}

// HessianAbsent returns the reason of the objective.
func (v View) HessianAbsent() string {
	if v.loss != 0 {
		return fmt.Sprintf("the program has no products for %q", v.o.o.values()[v.loss])
	}
	return v.o.HessianAbsent()
}

// Frozen returns the ranges of the objective.
func (v View) Frozen() [][2]int { return v.o.Frozen() }

// HessianVectors sets dst[i] to the Hessian at theta times vectors[i]. The vectors
// are divided among the processes.
func (v View) HessianVectors(ctx context.Context, theta []float32, vectors, dst [][]float32) error {
	if absent := v.HessianAbsent(); absent != "" {
		return errors.New("objective: " + absent)
	}
	n := v.o.o.Layout.Len()
	for i := range vectors {
		if len(vectors[i]) != n || len(dst[i]) != n {
			return fmt.Errorf("objective: vector %d has %d elements and its product %d; the layout has %d", i+1,
				len(vectors[i]), len(dst[i]), n)
		}
	}
	procs := v.o.Procs()
	each := min(v.o.o.mostVectors(), (len(vectors)+procs-1)/procs)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(procs)
	for i := 0; i < len(vectors); i += each {
		end := min(i+each, len(vectors))
		group.Go(func() error {
			a, err := v.o.answer(ctx, point{
				theta: theta, state: v.state, vectors: vectors[i:end],
				products: dst[i:end],
			})
			if err == nil && a.absent != "" {
				err = v.o.fail(fmt.Errorf("objective: %s multiplied vectors by the Hessian before and does not any "+
					"more: %s", v.o.Command(), a.absent))
			}
			return err
		})
	}
	return group.Wait()
}

// ranges are the elements of the tensors of these names.
func (o *Objective) ranges(names []string) ([][2]int, error) {
	frozen := make(map[string]bool, len(names))
	for _, name := range names {
		frozen[name] = true
	}
	var out [][2]int
	for _, t := range o.o.Layout {
		if !frozen[t.Name] {
			continue
		}
		delete(frozen, t.Name)
		if last := len(out) - 1; last >= 0 && out[last][1] == t.Offset {
			out[last][1] += t.Len()
			continue
		}
		out = append(out, [2]int{t.Offset, t.Offset + t.Len()})
	}
	for name := range frozen {
		return nil, fmt.Errorf("objective: %s says that %q is frozen, which is not a tensor of theta", o.Command(),
			name)
	}
	return out, nil
}
