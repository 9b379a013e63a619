package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgdwalk/record/recordtest"
)

// productsProgram checks multiply of sgdwalk.py against a dense Hessian by PyTorch alone, for
// losses as users write them.
const productsProgram = `
import sys
import numpy as np, torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint
import sgdwalk

torch.manual_seed(0); torch.set_num_threads(1)
X = torch.randn(60, 5); Y = torch.randint(0, 3, (60,))
def whole(m):
    return F.cross_entropy(m(X.to(next(m.parameters()).dtype)), Y)
def batches(m):
    total = 0.0
    for x, y in zip(X.split(25), Y.split(25)):
        part = F.cross_entropy(m(x), y) * len(x) / len(X)
        if torch.is_grad_enabled():
            part.backward()
        total += part.item()
    return {"loss": total}
def shared(m):
    h, total = m[1](m[0](X)), 0.0
    for k in range(2):
        part = F.cross_entropy(m[2](h)[30 * k : 30 * k + 30], Y[30 * k : 30 * k + 30]) / 2
        if torch.is_grad_enabled():
            torch.autograd.backward([part], retain_graph=k == 0)
        total += part.item()
    return total
def recomputed(reentrant):
    return lambda m: F.cross_entropy(m[2](checkpoint(m[:2], X.clone().requires_grad_(), use_reentrant=reentrant)), Y)
def rescaled(m):
    loss = F.cross_entropy(m(X), Y, reduction="sum")
    if torch.is_grad_enabled():
        loss.backward()
        for p in m.parameters():
            p.grad /= len(X)
    return loss.item() / len(X)
def plain():
    return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
def frozen():
    m = plain(); m[0].bias.requires_grad_(False); return m
def detached(m):
    with torch.no_grad():
        h = m[1](m[0](X))
    return F.cross_entropy(m[2](h), Y)

def dense(m):
    m = m.double()
    used = [p for p in m.parameters() if p.requires_grad]
    g = torch.cat([x.reshape(-1) for x in torch.autograd.grad(whole(m), used, create_graph=True)])
    H = torch.stack([torch.cat([x.reshape(-1) for x in torch.autograd.grad(v, used, retain_graph=True)]) for v in g])
    at = torch.cat([torch.full((p.numel(),), p.requires_grad) for p in m.parameters()]).nonzero()[:, 0]
    n = sum(p.numel() for p in m.parameters())
    full = torch.zeros(n, n, dtype=torch.float64)
    full[at[:, None], at[None, :]] = H
    return full.numpy()

for name, loss, make, absent in [
    ("whole", whole, plain, ""), ("batches", batches, plain, ""), ("shared", shared, plain, ""),
    ("reentrant", recomputed(True), plain, ""), ("not reentrant", recomputed(False), plain, ""),
    ("float64", whole, lambda: plain().double(), ""), ("frozen", whole, frozen, ""),
    ("rescaled", rescaled, plain, "changes the gradients"),
]:
    torch.manual_seed(1)
    model = make()
    adapter = sgdwalk.evaluator_of(model)
    n = sum(p.numel() for p in model.parameters())
    V = np.random.default_rng(0).standard_normal((3, n)).astype(np.float32)
    got = np.full_like(V, np.nan)
    reason = sgdwalk.multiply(adapter, loss, None, model, V, got)
    if absent or reason:
        assert absent and absent in reason, (name, reason)
        continue
    own = V @ dense(model)
    error = np.abs(got - own).max() / np.abs(own).max()
    assert error < 1e-5, (name, error)
    if name == "frozen":
        assert not got[:, 20:24].any() and got[:, :20].any()
model = plain()
_, none = sgdwalk.evaluator_of(model).evaluate(detached, model, np.zeros(39, np.float32))
assert none == ["0.weight", "0.bias"], none
print("ok")
`

func TestPythonHessian(t *testing.T) {
	interpreter := recordtest.Python(t, "torch")
	if out, err := runPython(t, interpreter, "-W", "ignore", "-c", productsProgram); err != nil ||
		strings.TrimSpace(out) != "ok" {
		t.Errorf("%v: %s", err, out)
	}
}

// TestPythonObjectiveMistakes: a mistake in an objective is one clear line, with the
// traceback in lines above it.
func TestPythonObjectiveMistakes(t *testing.T) {
	interpreter := recordtest.Python(t, "numpy")
	dir := filepath.Join(t.TempDir(), "run")
	if out, err := runPython(t, interpreter, examples+"numpy_model.py", dir); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const loss = `
import numpy as np
print("Files already downloaded", end="")
from sgdwalk import serve
A = np.diag([1.0, 2.0, 3.0])
model = {'w': np.zeros((1, 2), np.float32), 'b': np.zeros(1, np.float32)}
def flat(m): return np.concatenate([m['w'].ravel(), m['b']]).astype(float)
def named(v): return {'w': v[:2].reshape(1, 2), 'b': v[2:]}
def f(m, factor=1, frozen=False):
    d = flat(m) - 1
    g = named(factor * (A @ d))
    if frozen: g['b'] = None
    return {'loss': d @ A @ d / 2, 'grads': g, 'accuracy': 55}
def hvp(m, v): return named(A @ flat(v))
`
	for _, c := range []struct {
		verb, body string
		status     int
		want       []string
	}{
		{
			"curvature", "serve(f, model, hvp=hvp)", exitOK,
			[]string{`note: `, `printed "Files already downloaded" on standard output`},
		},
		{
			"curvature", "serve(lambda m: f(m, frozen=True), model)", exitOK,
			[]string{"1 of 3 parameters have no gradient"},
		},
		{
			"curvature", "serve(lambda m: f(m, 2), model)", exitFailure,
			[]string{"its gradient is not that of its loss", "2 times as much"},
		},
		{
			"curvature", "serve(f, model, hvp=lambda m, v: named(2 * A @ flat(v)))", exitFailure,
			[]string{"differences of its gradients are 0.5 times as much"},
		},
		{
			"curvature", "serve(f, model, hvp=lambda m, v: 1)", exitFailure,
			[]string{"hvp returned a int; it must return {name: tensor or array}"},
		},
		{
			"walk --also accuracy", "serve(f, model)", exitFailure,
			[]string{`answered "55.0" as "accuracy"; an accuracy is the share`},
		},
		{
			"walk", "def bad(m):\n    raise KeyError('x')\nserve(bad, model)", exitFailure,
			[]string{" said:\n  Traceback (most recent call last):\n", "in bad\n", "sgdwalk: objective: "},
		},
	} {
		script := filepath.Join(t.TempDir(), "objective.py")
		if err := os.WriteFile(script, []byte(loss+c.body+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		args := append(strings.Fields(c.verb), "-q", "--out", filepath.Join(t.TempDir(), "out"), dir)
		stdout, stderr := wantStatus(t, c.status, append(args, servedFrom(t, interpreter, script)...)...)
		for _, want := range c.want {
			if !strings.Contains(stdout+stderr, want) {
				t.Errorf("%s: %q; want %q", c.body, stdout+stderr, want)
			}
		}
	}
	// By hand, and from a program that closes its input.
	script := filepath.Join(t.TempDir(), "objective.py")
	if err := os.WriteFile(script, []byte(loss+"serve(f, model)\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := runPython(t, interpreter, script); err == nil ||
		!strings.Contains(out, "objective.py is an objective: it computes a loss for sgdwalk") ||
		strings.Contains(out, "Traceback") {
		t.Errorf("by hand: %v, %s", err, out)
	}
}
