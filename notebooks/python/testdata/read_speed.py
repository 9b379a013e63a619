"""How fast sgdwalk.open reads theta, compared with a copy of an array of the same size by numpy.

    SGDWALK=./sgdwalk PYTHONPATH=notebooks/python python3 notebooks/python/testdata/read_speed.py

It records a run of 256 rows of a million parameters (1 GB), and copies theta into an array
that exists already: row by row, and all rows with one call. Rounds of both copies alternate,
so that a host that gets slower does not count; the medians of the ratios are printed.
"""

import pathlib
import statistics
import tempfile
import time

import numpy as np

import sgdwalk

ROWS, SIZE, ROUNDS = 256, 1_000_000, 9


def seconds(copy):
    start = time.perf_counter()
    copy()
    return time.perf_counter() - start


with tempfile.TemporaryDirectory() as folder:
    out = pathlib.Path(folder) / "run"
    w = np.arange(SIZE, dtype=np.float32)
    with sgdwalk.Recorder({"w": w}, out=out, args=["--quiet"]) as recorder:
        for k in range(ROWS):
            recorder.step(1.0)
            w += 1
    memory = np.arange(ROWS * SIZE, dtype=np.float32).reshape(ROWS, SIZE)
    into = np.zeros_like(memory)
    start = time.perf_counter()
    run = sgdwalk.open(out)
    print(f"open: {1e3 * (time.perf_counter() - start):.1f} ms for {len(run)} rows")
    theta = run.theta[:ROWS]

    def whole(source):
        return lambda: np.copyto(into, np.asarray(source))

    def rows(source):
        def copy():
            for k in range(ROWS):
                into[k] = source[k]

        return copy

    first = seconds(whole(theta))
    print(f"first read after open: {memory.nbytes / first / 1e9:.2f} GB/s (the system makes the pages of the map)")
    for name, copy in (("all rows at once", whole), ("row by row", rows)):
        ratios, speeds = [], []
        for _ in range(ROUNDS):
            before, read, after = seconds(copy(memory)), seconds(copy(theta)), seconds(copy(memory))
            ratios.append((before + after) / 2 / read)
            speeds.append(memory.nbytes / read / 1e9)
        middle = statistics.median(ratios)
        print(f"{name}: {statistics.median(speeds):.2f} GB/s, {middle:.2f} of numpy's copy from memory")
    whole(theta)()
    assert np.array_equal(into[7], np.arange(SIZE, dtype=np.float32) + 7)
