"""Open a recorded run as numpy arrays."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from typing import Any, Mapping

import numpy as np

from .analyses import Analyses
from .arrays import Array, Entry, named_tensors, size_of
from .columns import Columns
from .errors import DamagedRunError, InputError, RowIndexError, RunError
from .layout import model_of
from .losses import Losses, losses_of
from .program import find_program
from .run_files import read_header, segment_names
from .scalars import NUMBERS, Scalars
from .segment import Segment
from .vectors import VectorColumn, Vectors
from .words import listed


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open a run, which may be finished, unfinished, or being written: sgdwalk.open.

        run = sgdwalk.open("run")
        run.theta[-1]                       # the last iterate, float32 of P elements
        run.tensor("conv1.weight")[0]       # a tensor of the first row, with its shape
        run.losses["batch_loss"]            # one number for each row

    Nothing of the vectors is read before it is used: the files are mapped into memory.
    Opening reads about 1.5 kB of each row, and compares every number with its checksum.
    Vectors are compared with theirs by verify().

    Raises RunError if path is not a run or if its format is newer, and DamagedRunError if a
    file is damaged; the message names the file and the row. A torn last row, which a writer
    had not finished when it died or is writing now, is not an error and not a row.
    """
    return Run(os.fspath(path))


class Run(Analyses):
    """A recorded run, with its analyses; sgdwalk.open makes it.

    Rows have numbers from 0, and negative numbers count from the end, as in numpy. Row k has
    theta before update k if every step was recorded; steps has the steps. Arrays are
    read-only views of the files, and stay valid after refresh(). The files are open until no
    array and no Run refers to them. The arrays follow the files: do not let another program
    change or cut a file while its arrays are used.

    header is the content of header.json. layout has the name, kind, shape and offset of each
    tensor of theta and grad, and state_layout those of state.
    """

    def __init__(self, path: str):
        super().__init__(path)
        text, self.header = read_header(path)
        self._identity = hashlib.sha256(text).digest()
        self.layout: list[Entry] = self.header["layout"]
        self.state_layout: list[Entry] = self.header.get("state_layout") or []
        self._columns = Columns(self.header, size_of(self.layout), size_of(self.state_layout))
        self._segments: list[Segment] = []
        self._scalars: list[Scalars] = []  # of each segment
        self._vectors: dict[str, Vectors] = {}
        self._losses: Losses | None = None
        self._rows = 0
        self.refresh()

    def refresh(self) -> int:
        """Find the rows that were written since the run was opened or last refreshed. Return their number.

        Arrays that were taken before do not change. Raises RunError if another run was
        started in the directory.
        """
        text, _ = read_header(self.directory)
        if hashlib.sha256(text).digest() != self._identity:
            raise RunError(f"{self.directory}: another run was started here since the run was opened; open it again")
        names = segment_names(self.directory)  # before a segment is opened: only the last one can still grow
        known = len(self._segments)
        for i in range(max(known - 1, 0), len(names)):
            if i < known:
                self._segments[i].refresh()
            else:
                first = sum(s.rows for s in self._segments)
                path = os.path.join(self.directory, names[i])
                self._segments.append(Segment(path, i, first, self._columns, self._identity.hex()))
                self._scalars.append(Scalars(self._columns))
            self._check_first(i)
            self._scalars[i].extend(self._segments[i], self._identity)
        before, self._rows = self._rows, sum(s.rows for s in self._segments)
        self._losses, self._vectors = None, {}
        return self._rows - before

    def _check_first(self, i: int) -> None:
        """Check that segment i begins with the row after the last one of the segments before it."""
        row, segment = sum(s.rows for s in self._segments[:i]), self._segments[i]
        if segment.first != row:
            name = os.path.basename(segment.path)
            path = self._segments[max(i - 1, 0)].path
            raise DamagedRunError(path, row, f"is missing, or one too many: {name} begins with row {segment.first}")

    def __len__(self) -> int:
        return self._rows

    def __repr__(self) -> str:
        end = "finished" if self.finished else "unfinished"
        return f"<sgdwalk run {self.directory!r}: {self._rows} rows of {size_of(self.layout)} parameters, {end}>"

    @property
    def finished(self) -> bool:
        """Whether the training came to its end, as far as it is recorded."""
        if not self._rows:
            return False
        if self._columns.format > 2 and self._segments[-1].final_rows == self._rows:
            return True
        last = max(i for i, s in enumerate(self._segments) if s.rows)
        nulls, numbers = self._scalars[last].nulls, self._scalars[last].numbers
        has_batch = not self._columns.is_absent("batch_loss", nulls[-1]) or numbers["substep"][-1]
        steps = self.header.get("steps", 0)
        return not has_batch and (self._columns.format < 3 or 0 < steps <= numbers["step"][-1])

    # The numbers of the rows.

    @property
    def losses(self) -> Losses:
        """All numbers of the rows, as a structured array. See Losses."""
        if self._losses is None:
            parts = [s.numbers for s in self._scalars if len(s.nulls)]
            empty = Scalars(self._columns).empty()
            self._losses = losses_of({n: np.concatenate([empty[n], *(p[n] for p in parts)]) for n in NUMBERS})
        return self._losses

    @property
    def steps(self) -> Array:
        """The step of each row, int64."""
        return np.asarray(self.losses["step"])

    def row_of(self, step: int, substep: int = 0) -> int:
        """Return the number of the row of a step. Raises RowIndexError if the run does not have it."""
        found = np.flatnonzero((self.steps == step) & (self.losses["substep"] == substep))
        if not len(found):
            has = (
                f"it has {self._rows} rows of the steps {self.steps[0]} to {self.steps[-1]}"
                if self._rows
                else "it has no rows"
            )
            raise RowIndexError(f"{self.directory}: the run has no row of step {step}; {has}")
        return int(found[0])

    # The vectors of the rows.

    @property
    def theta(self) -> Vectors:
        """The parameters of each row. See Vectors."""
        return self._column("theta")

    @property
    def grad(self) -> Vectors:
        """The gradient of each row, NaN where a row has none (the last one). See Vectors."""
        return self._column("grad")

    @property
    def state(self) -> Vectors:
        """The running statistics of each row. See Vectors."""
        return self._column("state")

    def _column(self, name: str) -> Vectors:
        if name not in self._columns.vectors:
            has = ", ".join(self._columns.vectors)
            raise RunError(f"{self.directory}: {name} was not recorded; the run has {has}")
        if name not in self._vectors:
            counts = [s.rows for s in self._segments]
            segment = np.repeat(np.arange(len(counts)), counts)
            place = np.concatenate([np.zeros(0, np.int64), *(s.places[name] for s in self._scalars if len(s.nulls))])
            size = size_of(self.state_layout if name == "state" else self.layout)
            dtype = "float32" if name == "state" else self._columns.dtype
            column = VectorColumn(name, [s.map for s in self._segments], segment, place, dtype, size)
            self._vectors[name] = Vectors(column, np.arange(self._rows))
        return self._vectors[name]

    def tensor(self, name: str, of: str | None = None) -> Vectors:
        """Return one tensor of all rows, float32 of the shape [rows, *shape of the tensor].

        name is that in layout or in state_layout. of is "theta", "grad" or "state"; by default
        it is theta for a tensor of layout. Raises InputError for a name that the run does not
        have.
        """
        if of not in (None, "theta", "grad", "state"):
            raise InputError(f'of is {of!r}; it must be "theta", "grad" or "state"')
        in_theta = any(t["name"] == name for t in self.layout)
        of = of or ("theta" if in_theta or not self.state_layout else "state")
        layout: list[Any] = self.state_layout if of == "state" else self.layout
        for t in layout:
            if t["name"] == name:
                return self._column(of).part(t["offset"], t["shape"])
        raise InputError(f"{self.directory}: {of} has no tensor {name!r}; it has {listed([t['name'] for t in layout])}")

    # Models.

    def arrays(self, k: int) -> dict[str, Array]:
        """Return theta and the statistics of row k as {name: array}. The arrays are copies, of float32."""
        theta, state = self._iterate(k)
        out = named_tensors(theta, self.layout)
        return out if state is None else {**out, **named_tensors(state, self.state_layout)}

    def state_dict(self, k: int) -> dict[str, Any]:
        """Return theta and the statistics of row k as {name: torch.Tensor}. The tensors are copies, of float32.

            module.load_state_dict(run.state_dict(-1))

        Names are those of the layout. Buffers that were not recorded and the second names of shared
        parameters are missing: a module that has any needs strict=False, or load_into(). Without
        torch, use arrays().
        """
        import torch

        return {n: torch.from_numpy(a) for n, a in self.arrays(k).items()}

    def load_into(self, model: Any, k: int) -> None:
        """Set the parameters of a model, and its running statistics, to those of row k.

        model is the torch.nn.Module that was recorded, with any weights, on any device and of
        any type; or a dict of arrays, which are changed in place. Raises InputError if its
        tensors have other names or shapes than those of the run.
        """
        theta, state = self._iterate(k)
        target = model_of(model)
        if state is not None:
            target.take_state([t["name"] for t in self.state_layout])
        differs = _difference(self.layout, target.layout)
        if not differs and state is not None:
            differs = _difference(self.state_layout, target.state_layout)
        if differs:
            raise InputError(f"{self.directory}: the model does not fit the run: {differs}")
        target.put(np.array(theta), None if state is None else np.array(state))

    def _iterate(self, k: int) -> tuple[Array, Array | None]:
        """Return theta and state of a row that has all parameters of the model. state is None if it has none."""
        sketch: Mapping[str, Any] | None = self.header.get("sketch")
        if sketch is not None and sketch.get("layout") != self.layout:
            raise RunError(
                f"{self.directory}: theta was reduced by {sketch.get('spec')!r} from {sketch.get('parameters')} "
                f"parameters to {size_of(self.layout)}; a model cannot be made of it"
            )
        for name in [n for n in ("theta", "state") if n in self._columns.vectors]:
            column = self._column(name)
            if not column.has(k):
                raise RowIndexError(f"{self.directory}: row {k} has no {name}")
        return self.theta[k], self.state[k] if "state" in self._columns.vectors and self.state_layout else None

    def verify(self, program: str | None = None) -> None:
        """Read every byte of the run and compare it with the checksums. It returns if the run has no damage.

        The program `sgdwalk verify` does this, at the speed of the disk; program= names it if
        it is not found. Raises RunError with the first problem and the number of problems.
        """
        command = [find_program(program), "verify", "--json", "--quiet", self.directory]
        done = subprocess.run(command, capture_output=True, text=True)
        try:
            problems = json.loads(done.stdout)["problems"]
        except (ValueError, KeyError):
            words = (done.stderr.strip().splitlines() or [f"sgdwalk verify ended with exit status {done.returncode}"])[
                -1
            ]
            raise RunError(f"{self.directory}: {words}") from None
        if problems:
            more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
            raise RunError(f"{self.directory}: {problems[0]}{more}")


def _difference(run: list[Entry], model: list[Entry]) -> str:
    """Return in words the first difference between the tensors of a run and of a model, or ""."""
    wanted, has = {t["name"]: t["shape"] for t in run}, {t["name"]: t["shape"] for t in model}
    for name in [*wanted, *has]:
        if wanted.get(name) != has.get(name):
            return f"{name!r} is {has.get(name, 'missing')} in the model and {wanted.get(name, 'missing')} in the run"
    return "" if [*wanted] == [*has] else "their tensors have another order"
