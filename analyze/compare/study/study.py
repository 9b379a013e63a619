#!/usr/bin/env python3
"""Print the tables of analyze/compare/STUDY.md from the results of study.sh.

    study.py OUT
"""
import csv
import math
import random
import sys
from pathlib import Path
from typing import Callable, Sequence

import table

Rows = list[dict[str, str]]
Fit = tuple[float, float, float]  # exponents of the rate and of the batch size, and R²


def read(path: Path) -> Rows:
    with path.open(newline="") as f:
        return list(csv.DictReader(f))


def number(text: str) -> str:
    return f"{float(text):.3g}"


def cell(row: dict[str, str]) -> str:
    """Return the mean over seeds, its interval, and the difference from the baseline with its interval."""
    text = number(row["mean"]) if row["mean"] else "–"
    if row["mean_low"]:
        text += f" [{number(row['mean_low'])}, {number(row['mean_high'])}]"
    if row["difference_low"]:
        text += f" ({number(row['difference'])}: {number(row['difference_low'])} to {number(row['difference_high'])})"
    return text


def groups(name: str, rows: Rows) -> None:
    """Print a table of all statistics of a comparison, a column for every group."""
    names = list(dict.fromkeys(r["group"] for r in rows))
    found = {(r["group"], r["statistic"]): cell(r) for r in rows}
    statistics = dict.fromkeys(r["statistic"] for r in rows)
    lines = [[s] + [found.get((g, s), "–") for g in names] for s in statistics]
    print(f"## {name}\n\nMean [interval] (difference from {names[0]}: interval), over seeds.\n")
    print(table.markdown(["statistic", *names], lines))


def least_squares(runs: Sequence[tuple[float, float, float]]) -> Fit:
    """Fit log y = a log rate + b log batch + c to runs of (rate, batch, y); return a, b and R²."""
    points = [tuple(map(math.log, r)) for r in runs]
    middle = [sum(p[i] for p in points) / len(points) for i in range(3)]
    x, z, y = ([p[i] - middle[i] for p in points] for i in range(3))
    dot: Callable[[list[float], list[float]], float] = lambda u, v: sum(p * q for p, q in zip(u, v))
    determinant = dot(x, x) * dot(z, z) - dot(x, z) ** 2
    a = (dot(z, z) * dot(x, y) - dot(x, z) * dot(z, y)) / determinant
    b = (dot(x, x) * dot(z, y) - dot(x, z) * dot(x, y)) / determinant
    return a, b, (a * dot(x, y) + b * dot(z, y)) / dot(y, y)


def exponents(runs: Rows, statistic: str) -> str:
    """Return how a statistic depends on rate and batch size; the intervals are from resampled seeds."""

    def setting(run: dict[str, str]) -> tuple[float, float, float]:
        rate, batch = (part.split("=")[1] for part in run["group"].split() if "=" in part)
        return float(rate), float(batch), float(run[statistic])

    by_seed = {s: [setting(r) for r in runs if r["seed"] == s] for s in {r["seed"] for r in runs}}
    seeds, generator = sorted(by_seed), random.Random(1)
    a, b, r2 = least_squares([run for seed in seeds for run in by_seed[seed]])
    again = [
        least_squares([run for seed in generator.choices(seeds, k=len(seeds)) for run in by_seed[seed]])
        for _ in range(2000)
    ]
    low, high = ([table.quantile(sorted(fit[i] for fit in again), q) for i in (0, 1)] for q in (0.025, 0.975))
    return (
        f"{statistic} ∝ η^{a:.2f} [{low[0]:.2f}, {high[0]:.2f}] "
        f"B^{b:.2f} [{low[1]:.2f}, {high[1]:.2f}], R² {r2:.2f}, {len(runs)} runs"
    )


def check() -> None:
    """Fail unless the fit finds the exponents of an exact power law."""
    a, b, r2 = least_squares([(x, z, 3 * x**0.7 * z**-0.4) for x in (0.1, 0.2, 0.9) for z in (10.0, 50.0, 99.0)])
    if max(abs(a - 0.7), abs(b + 0.4), abs(r2 - 1)) > 1e-9:
        raise AssertionError(f"exponents {a} and {b}, R² {r2}; want 0.7, -0.4 and 1")


def main(out: Path) -> None:
    check()
    for name in ("digits", "rates", "shortcuts", "lenet"):
        place = out / f"{name}-compared"
        if not place.exists():
            continue
        groups(name, read(place / "groups.csv"))
        runs = read(place / "runs.csv")
        if name == "rates":
            print("\n".join(exponents(runs, s) for s in ("height", "displacement")) + "\n")
            learned = [r for r in runs if not ("0.05" in r["group"] and "250" in r["group"])]
            print(
                "\n".join("without η=0.05 B=250: " + exponents(learned, s) for s in ("height", "displacement")) + "\n"
            )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
