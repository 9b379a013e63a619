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
WALK = ["loss", "interior", "null_interior", "interior_excess", "rises", "null_rises"]
WALK += ["position", "mean_height", "end_height", "barriers", "cosine"]
ENDS = ["full_loss", "test_loss", "test_accuracy", "lambda_max", "eta_lambda_max", "gradient_share", "update_share"]


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
        "interior": summary["floor_interior_ratio"],
        "null_interior": null["floor_interior_ratio"],
        "interior_excess": summary["floor_interior_ratio"] - null["floor_interior_ratio"],
        "rises": summary["rises_ratio"],
        "null_rises": null["rises_ratio"],
        "position": summary["floor_position_weighted"],
        "mean_height": summary["height_mean"]["mean"],
        "end_height": summary["height_end"]["mean"],
        "barriers": summary["barriers"],
        "cosine": mean(cosines),
    }


def ends(run: Path, path: list[dict[str, str]]) -> dict[str, Any]:
    """Return how far a run went, where it ended, and the curvature at its late window."""
    result = json.loads(run.with_name(run.name + ".json").read_text())["result"]
    (along,) = rows(run / "analysis/curvature/along.csv")
    distance = {int(r["step"]): float(r["displacement"]) for r in path if r["displacement"]}
    row: dict[str, Any] = {f"distance_{k}": distance.get(k) for k in DISTANCES}
    row |= {name: result[name] for name in ("full_loss", "test_loss", "test_accuracy")}
    row |= {name: float(along[name]) for name in ("lambda_max", "eta_lambda_max")}
    if float(along["lambda_max_residual"]) > 0.01 * float(along["lambda_max"]):
        raise ValueError(f"{run}: the largest eigenvalue has not converged: {along}")
    return row | {
        "gradient_share": float(along["grad_dominant_share"]),
        "update_share": float(along["update_dominant_share"]),
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
    print(table.over_seeds(runs, ["setting"], [f"distance_{k}" for k in DISTANCES]))
    print(table.over_seeds(runs, ["setting"], ENDS), end="")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
