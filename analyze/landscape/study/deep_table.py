"""Prints the tables of the study from the results of deep.sh.

usage: deep_table.py OUT
"""

import csv
import glob
import json
import os
import random
import sys
from statistics import mean, median

from table import interval, markdown


def summary(name):
    """Returns the summary of a landscape."""
    with open(os.path.join(name, "summary.json")) as f:
        return json.load(f)["summary"]


def grid(name):
    """Returns the losses of a landscape by their coordinates, and their numbers along the axes."""
    cells, by_index = {}, {}
    with open(os.path.join(name, "grid.csv")) as f:
        for row in csv.DictReader(f):
            loss = float(row["loss"])
            cells[round(float(row["a"]), 6), round(float(row["b"]), 6)] = loss
            by_index[int(row["i"]), int(row["j"])] = loss
    return cells, by_index


def outcome(run):
    """Returns the losses at the end of a training."""
    with open(os.path.join(run, "train.json")) as f:
        return json.load(f)["result"]


def runs_of(prefix):
    """Returns the networks of the results with this prefix."""
    return sorted(os.path.basename(p)[len(prefix) :] for p in glob.glob(prefix + "resnet-*") if os.path.isdir(p))


def outward_share(cells):
    """Returns the share of cells whose neighbour towards the middle has a loss at least 1 % higher.

    A loss that falls along every straight way to the middle has a share near 0, and independent losses
    have about one half.
    """
    side = 1 + max(i for i, _ in cells)
    middle, higher = (side - 1) / 2, 0
    others = [(i, j) for i, j in cells if (i, j) != (middle, middle)]
    for i, j in others:
        x, y = i - middle, j - middle
        reach = max(abs(x), abs(y))
        inner = cells[i - round(x / reach), j - round(y / reach)]
        higher += inner > 1.01 * cells[i, j]
    return higher / len(others)


def below(cells, level):
    """Returns the share of cells below a loss."""
    return mean([loss < level for loss in cells.values()])


def ranks(values):
    """Returns the ranks of values; equal values share the mean of their ranks."""
    return [sum(w < v for w in values) + (sum(w == v for w in values) - 1) / 2 for v in values]


def spearman(x, y):
    """Returns the rank correlation, and 0 if one side is constant."""
    x, y = ranks(x), ranks(y)
    mx, my = mean(x), mean(y)
    xx, yy = sum((a - mx) ** 2 for a in x), sum((b - my) ** 2 for b in y)
    return sum((a - mx) * (b - my) for a, b in zip(x, y)) / (xx * yy) ** 0.5 if xx and yy else 0.0


def interval_of(seeds, statistic):
    """Returns the interval of a statistic of seeds over 2,000 resamples."""
    source = random.Random(1)
    found = sorted(statistic([source.choice(seeds) for _ in seeds]) for _ in range(2000))
    return found[50], found[1949]


def number(value):
    """Prints a number with three digits."""
    return f"{value:.3g}"


def section(title, head, rows):
    """Prints a table in Markdown under its title."""
    print(f"\n## {title}\n")
    print(markdown(head, [[c if isinstance(c, str) else number(c) for c in row] for row in rows]), end="")


def trainings():
    """Prints how well the deep networks are trained."""
    rows = []
    for run in runs_of(""):
        end = outcome(run)
        rows.append([run, str(end["steps"]), end["full_loss"], end["test_loss"], 100 * (1 - end["test_accuracy"])])
    section("Trainings", ["network", "steps", "training loss", "held-out loss", "held-out error, %"], rows)


def plane_row(name, label):
    """Returns what one plane shows, as the cells of a row."""
    s, (_, cells) = summary(name), grid(name)
    rugged = s["ruggedness"]
    return [
        label,
        cells[tuple((n - 1) // 2 for n in s["base"])],
        s["loss"]["min"],
        s["loss"]["max"],
        100 * below(cells, 1),
        100 * below(cells, 10),
        f"{rugged['humps']} on {100 * rugged['humped_ratio']:.0f} %",
        rugged["hump_density"],
        str(rugged["basins"]),
        100 * rugged["nonconvex_ratio"],
        100 * outward_share(cells),
    ]


PLANE_HEAD = ["plane", "loss in the middle", "lowest", "highest", "below 1, %", "below 10, %"]
PLANE_HEAD += ["humps on lines", "hump density", "basins", "bends downwards, %", "lower outwards, %"]


def planes():
    """Prints the ruggedness of the fine and the coarse planes."""
    section("Fine planes", PLANE_HEAD, [plane_row("plane-" + run, run) for run in runs_of("plane-")])
    for kind in ("coarse-", "batch-"):
        rows = [plane_row(kind + run, run) for run in runs_of(kind)]
        section(f"Coarse planes ({kind[:-1]}): the number is the seed", PLANE_HEAD, rows)


def subsets():
    """Prints how much a plane depends on its images, and compares the coarse plane with the fine one."""
    rows = []
    for run in runs_of("double-"):
        fine, half = grid("plane-" + run)[0], grid(f"coarse-{run}-1")[0]
        both, first_humps = grid("double-" + run)[0], summary(f"coarse-{run}-1")["ruggedness"]["humps"]
        shared = [(fine[at], half[at]) for at in half if at in fine]
        assert len(shared) >= 4 and max(abs(a - b) / b for a, b in shared) < 1e-5, f"{run}: the planes disagree"
        # The first half of the images has the mean loss of the coarse plane, so that of the other half follows.
        ratios = [abs((2 * both[at] - half[at]) / half[at] - 1) for at in half]
        other = [2 * both[at] - half[at] for at in half]
        correlation = spearman(list(half.values()), other)
        both_humps = summary("double-" + run)["ruggedness"]["humps"]
        rows.append([run, 100 * median(ratios), 100 * max(ratios), correlation, str(first_humps), str(both_humps)])
    head = ["network", "median difference, %", "largest, %", "rank correlation", "humps, first half", "humps, all"]
    section("The same plane with other images", head, rows)


def directions():
    """Prints what the random lines show."""
    rows = []
    for run in runs_of("lines-"):
        s = summary("lines-" + run)
        rugged, width = s["ruggedness"], s["width"]
        rows.append([run, str(rugged["lines"]), f"{rugged['humps']} on {100 * rugged['humped_ratio']:.0f} %"])
        rows[-1] += [width["mean"], width["sd"], 100 * s["spread_ratio"], s["norms"]["mean"]]
    head = ["network", "lines", "humps on lines", "width, mean", "sd", "lines differ by, %", "norm of the weights"]
    section("Random lines", head, rows)


def ratios():
    """Prints the ratios of the extreme eigenvalues."""
    rows = []
    for run in runs_of("ratio-"):
        with open(os.path.join("ratio-" + run, "grid.csv")) as f:
            found = list(csv.DictReader(f))
        values = [abs(float(r["lambda_min"]) / float(r["lambda_max"])) for r in found]
        middle = found[len(found) // 2]
        rows.append([run, str(len(values)), values[len(found) // 2], min(values), median(values), max(values)])
        rows[-1] += [float(middle["lambda_max"]), max(float(r["lambda_residual"]) for r in found)]
    head = ["network", "points", "ratio in the middle", "least", "median", "largest", "λ_max in the middle", "residual"]
    section("|λ_min / λ_max|", head, rows)


def cell(batch, decay, seed):
    """Returns what one minimum of the small network shows."""
    run = f"few-{batch}-{decay}-{seed}"
    end, filtered, plain = outcome(run), summary("filter-" + run), summary("plain-" + run)
    for name, s in (("filter-", filtered), ("plain-", plain)):
        assert s["width"]["count"] == s["lines"], f"{name}{run}: a line does not rise by 1; widen its range"
    return {
        "training loss": end["full_loss"],
        "held-out loss": end["test_loss"],
        "held-out error, %": 100 * (1 - end["test_accuracy"]),
        "norm of the weights": filtered["norms"]["mean"],
        "width, not normalized": plain["width"]["mean"],
        "width, filter-normalized": filtered["width"]["mean"],
    }


def batches():
    """Prints widths and errors of the minima of small and large batches."""
    names = [
        os.path.basename(p)[len("filter-few-") :].rsplit("-", 1) for p in glob.glob("filter-few-*") if os.path.isdir(p)
    ]
    seeds = sorted({int(seed) for _, seed in names})
    # 5e-4 has a dash too.
    sizes = sorted({int(kind.split("-", 1)[0]) for kind, _ in names})
    decays = sorted({kind.split("-", 1)[1] for kind, _ in names})
    minima = {(b, d, s): cell(b, d, s) for b in sizes for d in decays for s in seeds}
    keys = list(next(iter(minima.values())))

    rows = []
    for d in decays:
        for b in sizes:
            rows.append([d, str(b)])
            for key in keys:
                values = [minima[b, d, s][key] for s in seeds]
                low, high = interval(values)
                rows[-1].append(f"{number(mean(values))} [{number(low)}, {number(high)}]")
    section(f"Minima of small and large batches, {len(seeds)} seeds", ["weight decay", "batch"] + keys, rows)

    rows = []
    for d in decays:
        for key in keys:
            gaps = [minima[sizes[0], d, s][key] - minima[sizes[1], d, s][key] for s in seeds]
            low, high = interval(gaps)
            rows.append(
                [d, key, mean(gaps), f"[{number(low)}, {number(high)}]", f"{sum(g > 0 for g in gaps)} of {len(gaps)}"]
            )
    section(
        "Small batch minus large batch, paired by seed", ["weight decay", "what", "mean", "interval", "above 0"], rows
    )

    rows = []
    for key in keys:
        for target in ("held-out error, %", "held-out loss"):
            if key.startswith("held-out"):
                continue

            def correlation(chosen):
                each = [minima[b, d, s] for s in chosen for b in sizes for d in decays]
                return spearman([m[key] for m in each], [m[target] for m in each])

            low, high = interval_of(seeds, correlation)
            source, errors = random.Random(2), [minima[k][target] for k in minima]
            values = [minima[k][key] for k in minima]
            shuffled = sorted(abs(spearman(values, source.sample(errors, len(errors)))) for _ in range(2000))
            rows.append([key, target, correlation(seeds), f"[{number(low)}, {number(high)}]", shuffled[1900]])
    head = ["what", "with", "rank correlation", "interval", "95 % of shuffled pairs are below"]
    section(f"Sharpness and error, {len(minima)} minima", head, rows)


def seconds():
    """Prints the time of the study."""
    total, parts = 0, {}
    with open("seconds.tsv") as f:
        for name, taken in csv.reader(f, delimiter="\t"):
            total += int(taken)
            part = name.split("-", 1)[0]
            parts[part] = parts.get(part, 0) + int(taken)
    section(f"Seconds, {total} in all", list(parts), [[str(v) for v in parts.values()]])


os.chdir(sys.argv[1])
trainings()
planes()
subsets()
directions()
ratios()
batches()
seconds()
