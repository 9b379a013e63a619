"""sgdwalk.open against the Go reader, bit for bit; runs that grow; damaged files.

    python3 opened.py FOLDER        TestPythonOpen makes the folder
"""

import copy
import os
import pathlib
import pickle
import shutil
import struct
import sys

import numpy as np

import sgdwalk

work = pathlib.Path(sys.argv[1])
OPTIONAL = ("batch_loss", "batch_accuracy", "learning_rate", "full_loss", "test_loss")


def dumped(path):
    """Return what the Go reader has: finished, and the rows as dicts. Absent is None."""
    data, at = path.read_bytes(), 0

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values

    n, finished = take("q?")
    rows = []
    for _ in range(n):
        row = dict(zip(("step", "substep", "epoch", "examples", "evaluations", "wall_time_ns"), take("qiiiqq")))
        for name in OPTIONAL:
            valid, value = take("?8s")
            row[name] = np.frombuffer(value, "<f8")[0] if valid else None
        for name in ("theta", "grad", "state"):
            (size,) = take("q")
            row[name] = np.frombuffer(data, "<f4", size, at) if size else None
            at += 4 * size
        rows.append(row)
    return finished, rows


def bits(array):
    return np.asarray(array).tobytes()


def matches(got, want, shape):
    """Whether a vector is the expected one, bit for bit; all NaN where it is absent."""
    assert got.shape == shape and got.dtype == np.float32
    return np.isnan(got).all() if want is None else bits(got) == bits(want)


def agree(run, finished, rows):
    assert len(run) == len(rows) and run.finished == finished, (run, len(rows), finished)
    for k, row in enumerate(rows):
        for name in ("step", "substep", "epoch", "examples", "evaluations", "wall_time_ns"):
            assert run.losses[name][k] == row[name], (name, k)
        for name in OPTIONAL:
            got = run.losses[name][k : k + 1]
            assert np.isnan(got[0]) if row[name] is None else bits(got) == bits(row[name]), (name, k)
    assert run.steps.tolist() == [row["step"] for row in rows]
    for name in ("theta", "grad", "state"):
        if not run.header["columns"].get(name):
            expect(sgdwalk.RunError, f"{name} was not recorded", getattr, run, name)
            continue
        vectors = getattr(run, name)
        shape = vectors.shape[1:]
        assert vectors.shape == (len(rows), *shape) and all(
            matches(vectors[k], row[name], shape) for k, row in enumerate(rows)
        )
        whole = np.asarray(vectors)
        assert whole.shape == vectors.shape and all(matches(whole[k], row[name], shape) for k, row in enumerate(rows))
        assert not vectors[0].flags.writeable or run.header["dtype"] != "float32"
        # Every way to select rows and elements is that of numpy.
        n, mask = len(rows), np.arange(len(rows)) % 3 == 1
        for key in (
            slice(None),
            slice(1, -1),
            slice(None, None, -2),
            slice(2, 2),
            [0, n - 1, -1],
            mask,
            np.array([n // 2]),
        ):
            assert bits(vectors[key]) == bits(whole[key]) and vectors[key].shape == whole[key].shape, (name, key)
            assert bits(vectors[key, 1:]) == bits(whole[key][:, 1:])
            assert vectors[key].size == whole[key].size and len(list(vectors[key])) == len(whole[key])
        assert bits(vectors[:, -1]) == bits(whole[:, -1]) and bits(vectors[1, -1]) == bits(whole[1, -1])
        with np.errstate(all="ignore"):  # a NaN of arithmetic may have any bits
            np.testing.assert_array_equal(vectors - vectors[0], whole - whole[0])
            np.testing.assert_array_equal(2 * vectors[1:], 2 * whole[1:])
            np.testing.assert_array_equal(vectors.mean(axis=0), whole.mean(axis=0))
            np.testing.assert_array_equal(np.mean(vectors, 0), whole.mean(0))
        for t in run.state_layout if name == "state" else run.layout:
            part = run.tensor(t["name"], name)
            want = whole[:, t["offset"] :][:, : np.prod(t["shape"], dtype=int)].reshape(n, *t["shape"])
            assert bits(part) == bits(want) and bits(part[-1]) == bits(want[-1]) and part.shape == want.shape
            assert bits(part[1:3, 0]) == bits(want[1:3, 0])
        for k in (n, -n - 1):
            expect(sgdwalk.RowIndexError, f"row {k} is not among", vectors.__getitem__, k)
        expect(sgdwalk.InputError, "rows are selected by", vectors.__getitem__, "step")
        expect(sgdwalk.RowIndexError, "out of bounds", vectors.__getitem__, [0, n])


def expect(error, text, call, *args):
    try:
        call(*args)
    except error as e:
        assert text in str(e) and "\n" not in str(e), (text, str(e))
        return e
    raise AssertionError(f"no {error.__name__} with {text!r}")


# The values of every run.
names = sorted(p.stem for p in work.glob("*.rows"))
for name in names:
    finished, rows = dumped(work / f"{name}.rows")
    agree(sgdwalk.open(work / name), finished, rows)
plain = sgdwalk.open(work / "plain")
assert plain.theta[10:20].base is None and np.asarray(plain.theta[10:12]).base is not None
view = np.asarray(plain.theta[8:14])  # between two rows with a full loss: a view of the file
assert not view.flags.owndata and not view.flags.writeable and view.strides[0] > view.shape[1] * 4
assert plain.row_of(17) == 17 and sgdwalk.open(work / "everything").row_of(2, 1) == 7
expect(
    sgdwalk.RowIndexError,
    "the run has no row of step 5000; it has 5000 rows of the steps 0 to 4999",
    plain.row_of,
    5000,
)
expect(sgdwalk.InputError, "theta has no tensor 'fc'; it has 'conv.weight'", plain.tensor, "fc")
expect(sgdwalk.InputError, 'of is "loss"'.replace('"', "'"), plain.tensor, "fc.bias", "loss")
assert repr(plain) == f"<sgdwalk run {str(work / 'plain')!r}: 5000 rows of 37 parameters, finished>"

# A model of a row.
killed = sgdwalk.open(work / "killed")
arrays = killed.arrays(3)
assert (
    list(arrays) == ["conv.weight", "fc.weight", "fc.bias", "norm.running_mean"] and arrays["fc.bias"].flags.writeable
)
model = {t["name"]: np.zeros(t["shape"], np.float64) for t in plain.layout}
plain.load_into(model, -1)
assert all(np.array_equal(model[n], a, equal_nan=True) for n, a in plain.arrays(-1).items())
expect(
    sgdwalk.InputError,
    "'fc.bias' is missing in the model and [3] in the run",
    plain.load_into,
    {n: a for n, a in model.items() if n != "fc.bias"},
    0,
)
expect(
    sgdwalk.RunError,
    "theta was reduced by 'project:37' from 2000 parameters to 37",
    sgdwalk.open(work / "sketch").state_dict,
    0,
)
expect(sgdwalk.RowIndexError, "row 1 has no theta", sgdwalk.open(work / "sparse").state_dict, 1)
plain.verify()

# Every length at which a writer can die; then the file grows under an open run.
copied = work / "copied"
shutil.copytree(work / "killed", copied)
file, content = copied / "steps-000000.arrow", (work / "killed/steps-000000.arrow").read_bytes()
finished, rows = dumped(work / "killed.rows")
file.write_bytes(b"")
growing, counts = sgdwalk.open(copied), []
for size in range(len(content) + 1):
    with open(file, "ab") as f:
        f.write(content[max(size - 1, 0) : size])
    added = growing.refresh()
    counts.append(len(growing))
    assert added == counts[-1] - (counts[-2] if size else 0)
    if added:
        assert (
            bits(growing.theta[-1]) == bits(rows[counts[-1] - 1]["theta"]) and len(sgdwalk.open(copied)) == counts[-1]
        )
assert counts[-1] == 9 and sorted(set(counts)) == list(range(10))
agree(growing, finished, rows)
kept = np.asarray(growing.theta[2])
with open(file, "ab") as f:
    f.write(bytes(5000))  # what a power cut can leave
assert growing.refresh() == 0 and bits(kept) == bits(rows[2]["theta"])
del kept
file.write_bytes(content[:-1])
expect(sgdwalk.RunError, "was cut or replaced", growing.refresh)

# Every byte that is flipped is refused, or is one that open() does not read.
finished, rows = dumped(work / "format3.rows")
damaged = work / "damaged"
refused = 0
for name in ("steps-000000.arrow", "steps-000001.arrow"):
    shutil.copytree(work / "format3", damaged, dirs_exist_ok=True)
    content = (work / "format3" / name).read_bytes()
    for at in range(0, len(content), 3):
        (damaged / name).write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        try:
            run = sgdwalk.open(damaged)
        except sgdwalk.DamagedRunError as e:
            assert name in str(e) and os.path.exists(e.path) and "\n" not in str(e), str(e)
            refused += 1
            continue
        assert len(run) == 3, (name, at, run)
        for k, row in enumerate(rows):
            for n in OPTIONAL:
                got = run.losses[n][k : k + 1]
                assert np.isnan(got[0]) if row[n] is None else bits(got) == bits(row[n]), (name, at, n)
assert refused > 500, refused
shutil.copytree(work / "format3", damaged, dirs_exist_ok=True)
content = bytearray((damaged / "steps-000000.arrow").read_bytes())
content[4456] ^= 1  # theta of row 1: FORMAT.md shows the bytes
(damaged / "steps-000000.arrow").write_bytes(content)
e = expect(sgdwalk.RunError, "steps-000000.arrow", sgdwalk.open(damaged).verify)
assert "row 1" in str(e), str(e)
content[4400] ^= 1
(damaged / "steps-000000.arrow").write_bytes(content)
e = expect(
    sgdwalk.DamagedRunError,
    "row 1 has numbers that differ from their checksum; `sgdwalk verify`",
    sgdwalk.open,
    damaged,
)
assert e.row == 1 and str(pickle.loads(pickle.dumps(e))) == str(copy.copy(e)) == str(e)
shutil.copy(work / "format2/steps-000000.arrow", damaged)
expect(sgdwalk.DamagedRunError, "belongs to another run", sgdwalk.open, damaged)
os.remove(damaged / "steps-000000.arrow")
expect(sgdwalk.DamagedRunError, "steps-000000.arrow: is missing", sgdwalk.open, damaged)
header = (damaged / "header.json").read_text()
(damaged / "header.json").write_text(header.replace('"format": 3', '"format": 4'))
expect(sgdwalk.RunError, "the run has format 4, and this package reads 1 to 3", sgdwalk.open, damaged)
for text in ("", "[1]", header[:-9], header.replace("float32", "int8"), header.replace('"shape"', '"form"')):
    (damaged / "header.json").write_text(text)
    expect(sgdwalk.DamagedRunError, "header.json: is not a header of a run", sgdwalk.open, damaged)
os.remove(damaged / "header.json")
expect(sgdwalk.RunError, "is not a recorded run: it has no header.json", sgdwalk.open, damaged)
expect(sgdwalk.RunError, "is not a directory", sgdwalk.open, damaged / "nothing")

# pandas, where it is.
try:
    import pandas  # noqa: F401
except ImportError:
    pass
else:
    frame = plain.losses.to_pandas()
    assert len(frame) == 5000 and frame["batch_loss"].to_numpy().tobytes() == bits(plain.losses.batch_loss)
print(f"{len(names)} runs agree")
