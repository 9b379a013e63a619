#!/usr/bin/env python3
"""Tabulate the runs of study.sh, and check that gradient descent trains at its edge."""
import csv
import json
import pathlib
import sys
from typing import Any, Optional, Sequence

import table

LOW, HIGH = 0.1, 1.0  # the means are over iterates whose full loss is between these


def read(path: pathlib.Path) -> list[dict[str, str]]:
    with open(path, newline="") as f:
        return list(csv.DictReader(f))


def mean(values: Sequence[float]) -> Optional[float]:
    return sum(values) / len(values) if values else None


def ratio(row: dict[str, str], rate: float) -> Optional[float]:
    """Return the rate times the sharpness of the row, over the threshold of the rule."""
    if not row["threshold"]:
        return None
    sharpness = row["preconditioned_lambda_max"] or row["lambda_max"]
    return rate * float(sharpness) / float(row["threshold"])


def chosen(cell: pathlib.Path) -> list[dict[str, str]]:
    """Return the measured iterates of a run whose loss is between LOW and HIGH."""
    rows = read(cell / "analysis/curvature/along.csv")
    return [r for r in rows if LOW <= float(r["loss"]) <= HIGH]


def rises(cell: pathlib.Path) -> Optional[float]:
    """Return the share of the full-batch updates from a loss between LOW and HIGH that raise the loss."""
    losses = [float(r["batch_loss"]) for r in read(cell / "log.csv") if r["batch_loss"]]
    return mean([float(b > a) for a, b in zip(losses, losses[1:]) if LOW <= a <= HIGH])


def measure(fast: dict[str, Any], slow: dict[str, Any], root: pathlib.Path) -> dict[str, Any]:
    """Return the row of a fast run, and what the slow run predicts for it at the same losses."""
    rate = float(fast["learning_rate"])
    rows, null = chosen(root / fast["run"]), chosen(root / slow["run"])
    full = fast["optimizer"] != "sgd"

    def ratios(rows: list[dict[str, str]]) -> list[float]:
        return [x for x in (ratio(r, rate) for r in rows) if x is not None]

    level, expected = mean(ratios(rows)), mean(ratios(null))
    return {
        "rule": fast["optimizer"],
        "rate": rate,
        "seed": fast["seed"],
        "ratio": level,
        "ratio, null": expected,
        "null minus ratio": None if level is None or expected is None else expected - level,
        "largest ratio": max(ratios(rows), default=None),
        "sharpness": mean([float(r["lambda_max"]) for r in rows]),
        "sharpness, slow": mean([float(r["lambda_max"]) for r in null]),
        "critical / sharpness": mean(
            [float(r["critical_sharpness"]) / float(r["lambda_max"]) for r in rows if r["critical_sharpness"]]
        ),
        "rises": rises(root / fast["run"]) if full else None,
        "rises, slow": rises(root / slow["run"]) if full else None,
        "update share": mean([float(r["update_dominant_share"]) for r in rows if r["update_dominant_share"]]),
        "iterates": float(len(rows)),
    }


def main() -> None:
    out = pathlib.Path(sys.argv[1])
    runs = []
    for sweep in sorted(out.glob("[0-9].json")):
        pairs: dict[str, list[dict[str, Any]]] = {}
        for result in sorted(json.loads(sweep.read_text())["results"], key=lambda r: float(r["learning_rate"])):
            pairs.setdefault(result["optimizer"], []).append(result)
        runs += [measure(fast, slow, sweep.with_suffix("")) for p in pairs.values() for slow, fast in zip(p, p[1:])]
    table.write(str(out / "runs.csv"), runs)
    columns = list(runs[0])[3:]
    for part in (columns[:4], columns[4:]):
        print(table.over_seeds(runs, ["rule", "rate"], part))

    descent = [r for r in runs if r["rule"] == "gd"]
    if len({r["ratio"] for r in descent}) < len(descent):
        sys.exit("edge.py: runs of different seeds are the same")
    if not all(0.8 < r["ratio"] < 1.3 and r["null minus ratio"] > 0 for r in descent):
        sys.exit("edge.py: gradient descent does not train at its edge")


if __name__ == "__main__":
    main()
