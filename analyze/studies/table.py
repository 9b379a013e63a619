#!/usr/bin/env python3
"""Print means over seeds as a Markdown table.

    table.py --by network --by rate --columns loss,height runs.csv

A row of the CSV file is a run. Runs with the same values in the columns of --by are a group,
and make a row of the table: the mean of each column over the runs, with the bootstrap interval
of the mean. An empty cell is a value that a run does not have. A group whose runs do not all
have the value says how many do. A value that is not finite is an error.

The interval is the middle 95 % of the means of resamples. With five runs it covers the true
mean in about 80 % of cases, not in 95 %.
"""
import argparse
import csv
import itertools
import math
import random
import sys
from typing import Any, Iterable, Sequence


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the middle 95 % of the means of resamples: of all resamples of at most 6 values."""
    n = len(values)
    if n <= 6:
        resamples: Iterable[Sequence[float]] = itertools.product(values, repeat=n)
    else:
        generator = random.Random(1)
        resamples = (generator.choices(values, k=n) for _ in range(10000))
    means = sorted(sum(r) / n for r in resamples)
    return quantile(means, 0.025), quantile(means, 0.975)


def quantile(ascending: Sequence[float], share: float) -> float:
    place = share * (len(ascending) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ascending) - 1)
    return ascending[low] + (place - low) * (ascending[high] - ascending[low])


def cell(values: Sequence[float], runs: int = 0) -> str:
    """Return the mean of the values and its interval, and how many of the runs have a value if not all do."""
    if not all(map(math.isfinite, values)):
        raise ValueError(f"{values} are not all finite")
    if not values:
        return "–"
    text = f"{sum(values) / len(values):.3g}"
    if len(values) > 1:
        text += " [{:.3g}, {:.3g}]".format(*interval(values))
    if len(values) < runs:
        text += f" ({len(values)} of {runs})"
    return text


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def groups(rows: Sequence[dict[str, Any]], by: Sequence[str]) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """Return the runs of each group, groups in the order of their first runs."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in by), []).append(row)
    return found


def over_seeds(rows: Sequence[dict[str, Any]], by: Sequence[str], columns: Sequence[str]) -> str:
    """Return the table of the runs: a row for every group, a cell for every column."""
    lines = []
    for key, runs in groups(rows, by).items():
        values = [[float(r[c]) for r in runs if r[c] not in ("", None)] for c in columns]
        lines.append([str(k) for k in key] + [cell(v, len(runs)) for v in values])
    return markdown([*by, *columns], lines)


def write(path: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows to a CSV file; None becomes an empty cell."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="") as f:
        writer = csv.DictWriter(f, columns)
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--by", action="append", default=[], help="a column whose values make groups; may be repeated")
    parser.add_argument("--columns", help="the columns of the table (default: all but --by and seed)")
    arguments = parser.parse_args()
    with open(arguments.file, newline="") as f:
        rows = list(csv.DictReader(f))
    if not rows:
        sys.exit(f"table.py: {arguments.file} has no runs")
    columns = [name for name in rows[0] if name not in (*arguments.by, "seed")]
    if arguments.columns:
        columns = arguments.columns.split(",")
    unknown = [name for name in (*arguments.by, *columns) if name not in rows[0]]
    if unknown:
        sys.exit(f"table.py: {arguments.file} has no column {unknown[0]}; it has {', '.join(rows[0])}")
    print(over_seeds(rows, arguments.by, columns), end="")


if __name__ == "__main__":
    main()
