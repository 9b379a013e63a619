#!/usr/bin/env python3
"""Read the averages of the runs of study.sh, write runs.csv, print the tables and check the signs of the page.

river.py DIR
"""
import glob
import json
import os
import sys
from typing import Any

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import table  # noqa: E402

NETWORKS = {
    "softmax": "softmax regression (convex)",
    "mlp": "mlp:32",
    "mlp-slow": "mlp:32, a tenth of the rate",
    "mlp-deep": "mlp:64,64",
    "lenet": "lenet",
}
WINDOWS = (8, 32, 128)


def summary(place: str, name: str) -> Any:
    with open(os.path.join(place, "analysis", name, "summary.json")) as f:
        return json.load(f)["summary"]


def measure(place: str, network: str, seed: int) -> dict[str, Any]:
    """Return the numbers of a run: the gains of its windows, and its branches."""
    s = summary(place, "average")
    row: dict[str, Any] = {"network": NETWORKS[network], "seed": seed}
    gains = {a["average"]["length"]: a for a in s["averages"] if a["average"]["scheme"] == "window"}
    row["loss"] = gains[WINDOWS[0]]["iterate_loss"]
    for w in WINDOWS:
        g = gains[w]
        row[f"height {w}"] = g["gain"]
        row[f"share {w}"] = g["gain"] / g["iterate_loss"]
        row[f"null {w}"] = g["null_gain"] - g["lag"]
        row[f"excess {w}"] = g["excess"]
    for length, branches in (("short", summary(place, "short")["branches"]), ("long", s["branches"])):
        # The branches of a run are added, so that a branch which gains nearly nothing decides nothing.
        loss, decayed, averaged = (sum(b[k] for b in branches) for k in ("iterate_loss", "branch_loss", "average_loss"))
        row[f"{length} decay"] = 1 - decayed / loss
        row[f"{length} average"] = 1 - averaged / loss
        row[f"{length} difference"] = (decayed - averaged) / loss
    return row


def check(rows: list[dict[str, Any]]) -> None:
    """Fail unless the signs that the page states hold."""
    mean: dict[str, dict[str, float]] = {}
    found = table.groups(rows, ["network"])
    seeds = len({r["seed"] for r in rows})
    assert len(found) >= len(NETWORKS) - (seeds < 5), f"there are runs of {len(found)} networks only"
    for (network,), runs in found.items():
        assert len(runs) == seeds, f"{network} has {len(runs)} of {seeds} seeds"
        mean[network] = {c: sum(r[c] for r in runs) / len(runs) for c in runs[0] if c not in ("network", "seed")}
    fast, slow = mean[NETWORKS["mlp"]], mean[NETWORKS["mlp-slow"]]
    for network, m in mean.items():
        if network != NETWORKS["mlp-slow"]:
            assert m["height 32"] > 0 and m["null 32"] > 0, f"{network} is not above its averages: {m}"
            assert m["short decay"] > 0, f"a short decay does not lower the loss of {network}: {m}"
        assert abs(m["excess 32"]) < abs(m["height 32"]) / 2, f"the null does not explain the height of {network}: {m}"
        assert abs(m["short difference"]) < 0.03, f"the average and the decay of {network} differ: {m}"
    assert slow["share 8"] < fast["share 8"] / 4, f"a small rate has as much height: {slow['share 8']}"


def main() -> None:
    directory = sys.argv[1]
    rows = []
    for network in NETWORKS:
        places = sorted(glob.glob(os.path.join(directory, network, "*", "analysis", "average")))
        for place in places:
            run = os.path.dirname(os.path.dirname(place))
            rows.append(measure(run, network, int(os.path.basename(run))))
    table.write(os.path.join(directory, "runs.csv"), rows)
    for columns in (
        ["loss", *(f"share {w}" for w in WINDOWS)],
        ["height 32", "null 32", *(f"excess {w}" for w in WINDOWS)],
        [f"{length} {what}" for length in ("short", "long") for what in ("decay", "average", "difference")],
    ):
        print(table.over_seeds(rows, ["network"], columns))
    check(rows)


if __name__ == "__main__":
    main()
