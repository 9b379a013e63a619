"""The losses of native_objective.py through the package, in the process of the model.

    in_process.py RUN OUT MODEL DATA.npz
"""

import os
import runpy
import sys

import sgdwalk

run, out = sgdwalk.open(sys.argv[1]), sys.argv[2]
name = sys.argv[3]


def analyze(loss, model):
    def at(verb):
        return os.path.join(out, verb)

    quick = {"progress": False, "formats": "svg"}
    walk = run.walk(loss, model, segments="0-49", alphas="0:1:3", also="accuracy", out=at("walk"), **quick)
    assert len(walk.tables["losses"]["loss"]) == 150, walk.tables["losses"]
    run.landscape(loss, model, grid="21x21", also="accuracy", out=at("landscape"), **quick)
    if name != "mlp":
        return
    run.line(loss, model, alphas="0:1:11", also=["accuracy"], out=at("line"), **quick)
    curvature = run.curvature(loss, model, top=3, out=at("curvature"), **quick)
    assert curvature.summary.product_method == "exact", curvature.summary


sgdwalk.serve = analyze
here = os.path.dirname(os.path.abspath(__file__))
sys.argv = ["native_objective.py", *sys.argv[3:]]
runpy.run_path(os.path.join(here, "native_objective.py"))
