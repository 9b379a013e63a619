#!/usr/bin/env python3
"""Read a run in Python, and print losses, step lengths and the distance from the start.

    python3 read_run.py RUN        with polars or pyarrow, from the run itself
    python3 read_run.py RUN.npz    with numpy alone, after
                                   sgdwalk export RUN --npz RUN.npz

Copy the functions that you need. Each returns step, epoch, batch loss (NaN in the
last row, which has no batch) and theta as a float32 array of (rows, parameters).
"""

import glob
import os
import sys

import numpy as np


def with_polars(run):
    import polars as pl

    steps = pl.scan_ipc(os.path.join(run, "steps-*.arrow")).collect()
    loss = steps["batch_loss"].fill_null(float("nan")).to_numpy()
    return steps["step"].to_numpy(), steps["epoch"].to_numpy(), loss, steps["theta"].to_numpy()


def with_pyarrow(run):
    import pyarrow as pa

    files = sorted(glob.glob(os.path.join(run, "steps-*.arrow")))
    steps = pa.concat_tables(pa.ipc.open_file(pa.memory_map(f)).read_all() for f in files)
    theta = np.concatenate([c.flatten().to_numpy() for c in steps["theta"].chunks])
    loss = steps["batch_loss"].to_numpy()  # nulls become NaN
    return steps["step"].to_numpy(), steps["epoch"].to_numpy(), loss, theta.reshape(len(steps), -1)


def with_numpy(npz):
    run = np.load(npz)
    return run["step"], run["epoch"], run["batch_loss"], run["theta"]


def read(path):
    """Read a run with an installed library. Return the columns and the name of the library."""
    if path.endswith(".npz"):
        return (*with_numpy(path), "numpy")
    for name, reader in (("polars", with_polars), ("pyarrow", with_pyarrow)):
        try:
            return (*reader(path), name)
        except ModuleNotFoundError:
            continue
    sys.exit(f"{path} is a run, and neither polars nor pyarrow is installed; "
             f"sgdwalk export {path} --npz run.npz, and give run.npz")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    step, epoch, loss, theta, how = read(sys.argv[1])
    print(f"read with {how}: {len(step)} rows of {theta.shape[1]} parameters")
    for e in np.unique(epoch):
        here = (epoch == e) & np.isfinite(loss)
        if here.any():
            print(f"epoch {e}: {here.sum()} steps, mean batch loss {loss[here].mean():.6g}")
    walk = theta.astype(np.float64)
    lengths = np.linalg.norm(np.diff(walk, axis=0), axis=1)
    print(f"path length {lengths.sum():.9g}")
    print(f"displacement {np.linalg.norm(walk[-1] - walk[0]):.9g}")


if __name__ == "__main__":
    main()
