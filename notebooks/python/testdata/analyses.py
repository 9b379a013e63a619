"""The analyses of the package with a model of numpy, and what can go wrong: python3 analyses.py FOLDER"""

import csv
import importlib.util
import os
import pathlib
import pickle
import random
import subprocess
import sys
import tempfile
import threading

import numpy as np

import sgdwalk
from sgdwalk import AnalysisError, InputError, ProgramNotFoundError, Recorder, SgdwalkError

os.chdir(sys.argv[1])
sockets = pathlib.Path(tempfile.gettempdir())
rng = np.random.default_rng(1)
x = np.concatenate([rng.normal(-1, 1, (200, 2)), rng.normal(1, 1, (200, 2))]).astype(np.float32)
y = np.repeat([0.0, 1.0], 200).astype(np.float32)
model = {"w": np.zeros((1, 2), np.float32), "b": np.zeros(1, np.float32)}
quick = {"progress": False, "formats": "svg"}


def loss(model):
    random.random(), np.random.rand()  # a loss may use random numbers for something else
    z = x.astype(np.float64) @ model["w"][0] + model["b"]
    error = (1 / (1 + np.exp(-z)) - y) / len(x)
    return {
        "loss": np.mean(np.logaddexp(0, z) - y * z),
        "accuracy": np.mean((z > 0) == (y > 0.5)),
        "grads": {"w": error[None] @ x, "b": error.sum(keepdims=True)},
    }


with Recorder(model, out="run", grad=True, args=["--quiet"]) as recorder:
    for step in range(12):
        out = loss(model)
        recorder.step(out["loss"], learning_rate=0.5, grads=out["grads"])
        for name in model:
            model[name] -= np.float32(0.5) * out["grads"][name].astype(np.float32)
run = sgdwalk.open("run")
end = {n: a.copy() for n, a in model.items()}
places = dict(model)


def raised(kind, call, *words):
    """Call, and check the exception and its one line."""
    try:
        call()
    except kind as e:
        assert all(w in str(e) for w in words), str(e)
        assert isinstance(e, KeyboardInterrupt) or "\n" not in str(e), str(e)
        return e
    raise AssertionError(f"{kind.__name__} was not raised; it should have {words}")


def results():
    """Every analysis has the numbers of the model itself, and leaves the model as it was."""
    model["w"][:] = 7
    model["b"][:] = 7
    before = random.getstate(), np.random.get_state()[1].tolist()
    walk = run.walk(loss, model, segments="0-2", alphas="0:1:3", also="accuracy", **quick)
    assert before == (random.getstate(), np.random.get_state()[1].tolist()), "random numbers were drawn"
    table = walk.tables["losses"]
    assert table.dtype["loss"] == float and table.dtype["step"] == int and len(table) == 9
    line = run.line(loss, model, alphas="0:1:3", **quick)
    for alpha, value in zip(line.tables["losses"]["alpha"], line.tables["losses"]["loss"]):
        at = {n: np.float32(alpha) * a for n, a in end.items()}  # the first iterate is 0
        assert abs(value - loss(at)["loss"]) < 1e-6, (alpha, value)
    assert all(np.all(a == 7) and a is places[n] for n, a in model.items()), model
    assert line.analysis == "line" and line.findings and line.directory == os.path.abspath("run/analysis/line")
    curvature = run.curvature(loss, model, step=0, top=3, **quick)
    design = np.c_[x, np.ones(len(x))].astype(float)
    exact = np.linalg.eigvalsh(design.T @ design / 4 / len(x))[::-1]  # p (1 - p) is 1/4 at theta = 0
    assert np.allclose(curvature.summary.top, exact, rtol=1e-3)  # from differences of float32 gradients
    assert curvature.summary["trace"].mean == curvature.summary.trace["mean"]
    assert "of gradients" in repr(curvature) or curvature.summary.product_method != "exact", curvature

    def product(m, v):
        p = 1 / (1 + np.exp(-(design @ joined(m))))
        return split(design.T @ (p * (1 - p) * (design @ joined(v))) / len(x))

    products = run.curvature(loss, model, step=0, top=3, hvp=product, **quick)
    assert products.summary.product_method == "exact" and np.allclose(products.summary.top, exact, rtol=1e-5)
    landscape = run.landscape(loss, model, grid="5x5", kinds="all", **quick)
    assert len(landscape.tables["grid"]) == 25
    average = run.average(loss, model, at="every:4", windows=[2, 3], ema=0.5, also="accuracy", **quick)
    rows = average.tables["averages"]
    theta = np.asarray(run.theta[:], float)
    means = {"iterate": theta[8], "window 3": theta[6:9].mean(0), "ema 0.5": ema(theta[:9], 0.5)}
    for name, mean in means.items():
        (row,) = rows[(rows["step"] == 8) & (rows["average"] == name)]
        assert abs(row["loss"] - loss(split(mean))["loss"]) < 1e-6, (name, row)
        assert row["accuracy"] == loss(split(mean))["accuracy"], (name, row)
        assert (name == "iterate") == np.isnan(row["null_gain"]), row
    assert average.summary.null_absent == "" and average.findings and "length" in average.figures
    plain = run.average(lambda m: loss(m)["loss"], model, windows=2, **quick)
    assert "grads" in plain.summary.null_absent, plain.summary.null_absent
    assert run.pca(**quick).analysis == "pca" and run.path(**quick).analysis == "path"
    assert os.path.isfile(run.report("report.html", plotly_cdn=False))
    raised(AnalysisError, lambda: run.report("report.html"), "exists already")
    run.report("report.html", force=True)
    assert run.audit().summary.findings == [] or run.audit().findings
    both = sgdwalk.compare([run, "run"], loss, model, out="both", grid="3x3", segments=2, hessians=1, progress=False)
    assert both.analysis == "compare" and both.findings


def ema(theta, decay):
    weights = decay ** np.arange(len(theta))[::-1]
    return weights @ theta / weights.sum()


def split(v):
    return {"w": v[:2].reshape(1, 2), "b": v[2:]}


def joined(v):
    return np.concatenate([v["w"].ravel(), v["b"]]).astype(float)


def shown():
    """A result is a page with figures whose ids do not clash, and it can be saved."""
    walk = run.walk(loss, model, segments="0-2", progress=False)
    page = walk._repr_html_()
    place = os.path.join("run", "analysis", "walk")
    assert f"<code>{place}</code>" in page and repr(walk).endswith(f"are in {place}"), repr(walk)
    assert repr(walk.figures["walk"]) == f"<figure {os.path.join(place, 'walk')}>"
    os.chdir("both")  # outside of the current folder the place is absolute
    assert f"<code>{walk.directory}</code>" in walk._repr_html_() and os.path.isabs(walk.directory)
    os.chdir("..")
    assert page.count("<svg") == len(walk.figures) > 1 and walk.findings[0].split()[0] in page
    figure = walk.figures["walk"]
    assert figure.svg.count("<svg") == 1 and figure._repr_svg_() == figure.svg
    assert figure.png[1:4] == b"PNG" and "<?xml" not in figure._repr_html_()
    two = '<?xml version="1.0"?><svg><clipPath id="a"/><g clip-path="url(#a)"/><use xlink:href="#a"/>%s</svg>'
    first, second = (sgdwalk.figures.inline_svg(two % n) for n in "xy")
    name = first.split('id="')[1].split('"')[0]
    assert first.count(name) == 3 and name not in second and name.endswith("-a") and first.startswith("<svg")
    figure.save("copy.png")
    assert pathlib.Path("copy.png").read_bytes() == figure.png
    raised(InputError, lambda: figure.save("copy.bmp"), ".svg, .png or .pdf")
    walk.save("walk.html")
    assert pathlib.Path("walk.html").read_text().count("<svg") == len(walk.figures)
    few = run.walk(loss, model, segments="0-2", **quick)
    raised(InputError, lambda: few.figures["walk"].png, "formats='png'")
    raised(KeyError, lambda: few.tables["none"], "losses")
    raised(AttributeError, lambda: few.summary.none, "segments")
    assert pickle.loads(pickle.dumps(few)).summary.segments == 3 and "segments" in dir(few.summary)
    frames = type(sys)("polars")
    frames.DataFrame = dict
    sys.modules["polars"] = frames  # its frames take a dict of arrays
    assert np.array_equal(few.tables.to_polars("losses")["loss"], few.tables["losses"]["loss"])
    if importlib.util.find_spec("pandas"):
        frame = few.tables.to_pandas("losses")
        assert frame.to_records(index=False).tolist() == few.tables["losses"].tolist()
    assert {"epochs", "losses", "segments", "updates"} <= set(few.tables), few.tables


def tables():
    """Every table of every result is what its CSV file has; a damaged one is one line, never another exception."""
    kinds, count = set(), 0
    for path in pathlib.Path(".").glob("**/analysis/*/*.arrow"):
        text = path.with_suffix(".csv").read_text()
        table, (names, *rows) = sgdwalk.arrow_table.read_table(path), csv.reader(text.splitlines())
        assert list(table.dtype.names) == names and len(table) == len(rows), path
        for name, texts in zip(names, zip(*rows)):
            kinds.add(table.dtype[name].kind + ("?" if "" in texts else ""))
            for value, cell in zip(table[name], texts):
                if table.dtype[name].kind == "U":
                    assert value == cell, (path, name, value, cell)
                elif cell in ("", "NaN"):
                    assert np.isnan(value), (path, name, value, cell)
                else:
                    cell = {"true": 1, "false": 0}.get(cell, cell)
                    assert table.dtype[name].type(cell) == value, (path, name, value, cell)
                count += 1
    assert {"i", "f", "f?", "U", "b"} <= kinds and count > 500, (kinds, count)
    whole = pathlib.Path("run/analysis/walk/losses.arrow").read_bytes()
    for damaged in [whole[:n] for n in range(0, len(whole), 7)] + [
        whole[:n] + bytes([whole[n] ^ 0xFF]) + whole[n + 1 :] for n in range(0, len(whole), 3)
    ]:
        pathlib.Path("t.arrow").write_bytes(damaged)
        try:
            sgdwalk.arrow_table.read_table("t.arrow")
        except SgdwalkError as e:
            assert "t.arrow cannot be read" in str(e), e
    raised(SgdwalkError, lambda: sgdwalk.arrow_table.read_table("none.arrow"), "none.arrow")


def mistakes():
    """A mistake is one exception with one line, and the model is as before."""
    line = raised(AnalysisError, lambda: run.walk(loss, model, segment="0-2", **quick), "--segment")
    assert line.status == 2 and isinstance(line, SgdwalkError) and pickle.loads(pickle.dumps(line)).status == 2
    raised(AnalysisError, lambda: run.walk(loss, model, segments="x", **quick), "x")
    raised(AnalysisError, lambda: run.walk(loss, model, segments="500-600", **quick), "500")
    raised(AnalysisError, lambda: sgdwalk.Analyses("none").path(), "none")
    raised(AnalysisError, lambda: run.walk(loss, model, also="accuracy,foo", **quick), "foo")
    raised(AnalysisError, lambda: run.walk(**quick), "walk needs the loss: pass loss and model")
    raised(AnalysisError, lambda: run.walk(lambda m: 1.0, model, also="accuracy", **quick), 'has no "accuracy"')
    raised(InputError, lambda: run.walk(loss), "model is missing")
    raised(InputError, lambda: run.walk("loss", model), "loss is a str")
    raised(InputError, lambda: run.walk(loss, [1]), "the model is a list")
    raised(InputError, lambda: run.walk(loss, model, objective="x"), "--objective itself")
    raised(InputError, lambda: run.walk(loss, model, alphas={"a": 1}), "alphas is a dict")
    raised(InputError, lambda: sgdwalk.compare("run", loss, model, out="x"), "list of runs")
    raised(ProgramNotFoundError, lambda: run.walk(loss, model, program="no-such-program"), "no-such-program")
    text, silent = pathlib.Path("text"), pathlib.Path("silent")
    text.write_text("no program")
    silent.write_text("#!/bin/sh\necho text\n")
    for program in (text, silent):
        program.chmod(0o755)
    raised(SgdwalkError, lambda: run.path(program="./text", **quick), "./text cannot be started")
    raised(AnalysisError, lambda: run.path(program="./silent", **quick), "printed no result")
    other = {"w": np.zeros((2, 2), np.float32), "b": np.zeros(1, np.float32)}
    raised(AnalysisError, lambda: run.walk(lambda m: 1.0, other, **quick), "w [2 2]")
    assert not any(a.any() for a in other.values())
    noise = iter(range(10**6))
    raised(AnalysisError, lambda: run.walk(lambda m: float(next(noise)), model, **quick), "not deterministic")
    raised(InputError, lambda: run.curvature(lambda m: 1.0, model, **quick), "a gradient is wanted")


class MineError(Exception):
    pass


def exceptions():
    """An exception of the loss is the exception of the call, with the place of its origin."""
    calls = []

    def breaks(model):
        calls.append(1)
        if len(calls) == 6:
            model["w"] = model["w"] + 1  # another array, which does not stay
            raise MineError("first line\nsecond line")
        return loss(model)

    before = {n: a.copy() for n, a in model.items()}
    try:
        run.walk(breaks, model, segments="0-5", **quick)
    except MineError as e:
        assert e.__traceback__ is not None
        frames, at = [], e.__traceback__
        while at:
            frames, at = [*frames, at.tb_frame.f_code.co_name], at.tb_next
        assert frames[-1] == "breaks" and frames[0] == "exceptions", frames
    else:
        raise AssertionError("the exception of the loss is lost")
    assert all(np.array_equal(before[n], a) and a is places[n] for n, a in model.items())
    raised(SystemExit, lambda: run.walk(lambda m: sys.exit("why"), model, **quick), "why")

    def nested(m):
        run.walk(loss, m, **quick)

    raised(InputError, lambda: run.walk(nested, model, **quick), "another analysis uses the model")


def threads():
    """Another thread can call an analysis; two models can be analyzed at the same time."""
    done = []

    def work(name):
        own = {n: a.copy() for n, a in places.items()}
        done.append(run.walk(loss, own, segments="0-3", out=name, **quick).tables["losses"]["loss"])

    workers = [threading.Thread(target=work, args=(f"thread{i}",)) for i in range(2)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert len(done) == 2 and np.array_equal(*done)


def port():
    """Where there are no Unix sockets, only a peer with the token is answered."""
    import socket

    listeners = []

    def over_tcp(converse):
        listeners.append(sgdwalk.listener.Listener(converse, tcp=True))
        return listeners[-1]

    before, sgdwalk.analyses.Listener = sgdwalk.analyses.Listener, over_tcp
    try:
        peers = []

        def visited(model):
            if not peers:  # a peer without the token is there before the second connection
                port = int(listeners[0].address.split(":")[2].split("/")[0])
                peers.append(socket.create_connection(("127.0.0.1", port)))
                peers[0].sendall(b'{"sgdwalk_objective": 1, "theta": "/etc/hosts", "token": "guess"}\n')
            return loss(model)

        walk = run.walk(visited, model, segments="0-3", **quick)
        assert peers[0].recv(100) == b"", "a peer without the token was answered"
        peers[0].close()
    finally:
        sgdwalk.analyses.Listener = before
    token = listeners[0].address.split("/")[1]
    written = [p for p in pathlib.Path(walk.directory).iterdir() if token.encode() in p.read_bytes()]
    assert len(token) == 32 and not written and token not in repr(walk) + "".join(walk.messages), written


def shows():
    """Progress is one line that changes in a terminal, and one display in a notebook."""
    import io

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    before, sys.stderr = sys.stderr, Terminal()
    try:
        run.walk(loss, model, segments="0-3", formats="svg")
        text = sys.stderr.getvalue()
    finally:
        sys.stderr = before
    assert "walk: " in text and text.count("\r") > 1 and text.endswith("\r") and "\n" not in text, text

    displays = []

    class Display:
        def display(self, content, raw, display_id):
            displays.append(content)
            return self

        def update(self, content, raw):
            displays.append(content)

    notebook = sgdwalk.progress.NotebookProgress(Display())
    notebook.show("walk: 1/2 <b>")
    notebook.close()
    assert displays[0]["text/html"] == "<pre>walk: 1/2 &lt;b&gt;</pre>" and displays[1]["text/plain"] == ""


for check in (results, shown, tables, mistakes, exceptions, threads, port, shows):
    check()
assert not list(sockets.glob("sgdwalk-????????/s")), "a socket is left"
assert (
    subprocess.run(["ps", "--ppid", str(os.getpid()), "-o", "args="], capture_output=True, text=True).stdout.count(
        "sgdwalk"
    )
    == 0
), "a process is left"
print("ok")
