#!/usr/bin/env python3
"""Print the tables of analyze/REPRODUCTION.md from the results of reproduce.sh.

    reproduce.py OUT        also writes OUT/runs.csv, a row for every window of every run
"""
import csv
import json
import math
import sys
from pathlib import Path
from typing import Any, Optional

import table

DISTANCES = (40, 80, 200, 800, 3200)
WALK = ["loss", "interior floors", "interior floors, null", "excess", "rising", "rising, null"]
WALK += ["falling", "s*", "mean height", "end height", "barriers", "cosine"]
ENDS = ["height at steps 20–39", "full loss", "held-out loss", "held-out accuracy"]
ENDS += ["λ_max", "ηλ_max", "gradient in v_1", "update in v_1"]

# What the page compares: a number, its setting and the setting it is compared with, seed by seed.
COMPARED = [
    ("height at steps 20–39", "mlp-b25-lr0.1", "mlp-b100-lr0.1"),
    ("height at steps 20–39", "mlp-b100-lr0.1", "mlp-b100-lr0.05"),
    ("height at steps 20–39", "mlp-b100-lr0.3", "mlp-b100-lr0.1"),
    ("distance at 200", "mlp-b25-lr0.1", "mlp-b400-lr0.1"),
    ("distance at 200", "mlp-b400-lr0.1", "mlp-gd-lr0.1"),
    ("distance at 80", "lenet-b400-lr0.1", "lenet-b100-lr0.1"),
    ("distance at 80", "lenet-gd-lr0.1", "lenet-b400-lr0.1"),
    ("update in v_1", "mlp-b400-lr0.1", "mlp-b100-lr0.1"),
    ("λ_max", "mlp-gd-lr0.1", "mlp-b400-lr0.1"),
    ("held-out accuracy", "mlp-gd-lr0.1", "mlp-b400-lr0.1"),
]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as f:
        return list(csv.DictReader(f))


def mean(values: list[float]) -> Optional[float]:
    return sum(values) / len(values) if values else None


def window(run: Path, name: str, path: list[dict[str, str]]) -> dict[str, Any]:
    """Return the numbers of one walk."""
    summary = json.loads((run / "analysis" / name / "summary.json").read_text())["summary"]
    null = summary["null"]
    steps = range(summary["first_step"], summary["last_step"] + 1)
    segments = rows(run / "analysis" / name / "segments.csv")
    cosines = [float(r["grad_cos"]) for r in path if int(r["step"]) in steps and r["grad_cos"]]
    return {
        "steps": f"{steps[0]}–{steps[-1]}",
        "loss": mean([float(s["loss_end"]) for s in segments]),
        "interior floors": summary["floor_interior_ratio"],
        "interior floors, null": null["floor_interior_ratio"],
        "excess": summary["floor_interior_ratio"] - null["floor_interior_ratio"],
        "rising": summary["rises_ratio"],
        # The floor is at the end: the loss falls over the whole segment.
        "falling": mean([float(s["floor_at_edge"] == "true" and s["rises"] == "false") for s in segments]),
        "rising, null": null["rises_ratio"],
        "s*": summary["floor_position_weighted"],
        "mean height": summary["height_mean"]["mean"],
        "end height": summary["height_end"]["mean"],
        "barriers": summary["barriers"],
        "cosine": mean(cosines),
    }


def early_height(run: Path) -> Optional[float]:
    """Return the mean height of the ends of steps 20 to 39 above their floors, if all were walked."""
    segments = rows(run / "analysis/first/segments.csv")
    heights = [float(s["height_end"]) for s in segments if 20 <= int(s["step"]) < 40]
    return mean(heights) if len(heights) == 20 else None


def compared(runs: list[dict[str, Any]]) -> str:
    """Return the table of the ratios of COMPARED."""
    value = {(r["setting"], r["seed"]): r for r in runs}
    seeds = sorted({r["seed"] for r in runs})
    lines = []
    for name, a, b in COMPARED:
        pairs = [(value[a, s][name], value[b, s][name]) for s in seeds if (a, s) in value and (b, s) in value]
        if pairs:
            lines.append([name, a, b, table.cell([x / y for x, y in pairs])])
    return table.markdown(["number", "setting", "against", "ratio"], lines)


def ends(run: Path, path: list[dict[str, str]]) -> dict[str, Any]:
    """Return how far a run went, where it ended, and the curvature at its late window."""
    result = json.loads(run.with_name(run.name + ".json").read_text())["result"]
    (along,) = rows(run / "analysis/curvature/along.csv")
    distance = {int(r["step"]): float(r["displacement"]) for r in path if r["displacement"]}
    row: dict[str, Any] = {"height at steps 20–39": early_height(run)}
    row |= {f"distance at {k}": distance.get(k) for k in DISTANCES}
    row |= {"full loss": result["full_loss"], "held-out loss": result["test_loss"]}
    row |= {"held-out accuracy": result["test_accuracy"]}
    row |= {"λ_max": float(along["lambda_max"]), "ηλ_max": float(along["eta_lambda_max"])}
    if float(along["lambda_max_residual"]) > 0.01 * float(along["lambda_max"]):
        raise ValueError(f"{run}: the largest eigenvalue has not converged: {along}")
    return row | {
        "gradient in v_1": float(along["grad_dominant_share"]),
        "update in v_1": float(along["update_dominant_share"]),
    }


def main(out: Path) -> None:
    windows, runs = [], []
    for report in sorted(out.glob("*-s[0-9].json")):
        run = out / report.name.removesuffix(".json")
        setting, seed = run.name.rsplit("-s", 1)
        path = rows(run / "analysis/path/path.csv")
        runs.append({"setting": setting, "seed": seed} | ends(run, path))
        for name in ("first", "late"):
            windows.append({"setting": setting, "window": name, "seed": seed} | window(run, name, path))
    for row in windows + runs:
        for name, value in row.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{row['setting']}, seed {row['seed']}: {name} is {value}")
    table.write(str(out / "windows.csv"), windows)
    table.write(str(out / "runs.csv"), runs)
    print(table.over_seeds(windows, ["setting", "steps"], WALK))
    print(table.over_seeds(runs, ["setting"], [f"distance at {k}" for k in DISTANCES]))
    print(table.over_seeds(runs, ["setting"], ENDS))
    print(compared(runs), end="")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
