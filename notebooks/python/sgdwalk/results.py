"""The result of an analysis: its numbers, tables, findings and figures."""

from __future__ import annotations

import html
import os
import pathlib
from typing import Any, Iterator, Mapping, Sequence

from .errors import InputError
from .figures import Figures, inline_svg
from .tables import Tables
from .words import listed, shown_path


class Summary(Mapping[str, Any]):
    """The numbers of a result: summary.null.share is summary["null"]["share"]."""

    def __init__(self, values: Mapping[str, Any]):
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return _wrapped(self._values[name])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self._values:
            raise AttributeError(f"the summary has no {name!r}; it has {listed(list(self._values))}")
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._values]

    def __repr__(self) -> str:
        return f"Summary({dict(self._values)!r})"

    def __reduce__(self) -> Any:  # the default asks for attributes before there are values
        return Summary, (self._values,)


def _wrapped(value: Any) -> Any:
    """Return a value of JSON, with attributes if it is an object."""
    if isinstance(value, Mapping):
        return Summary(value)
    return [_wrapped(v) for v in value] if isinstance(value, list) else value


class Result:
    """The result of an analysis. A notebook shows its findings and figures.

    analysis is its name, for example "walk". summary has its numbers, findings the same in
    sentences, and warnings what limits them. tables are arrays, and figures have SVG and PNG.
    directory has all files of the result; its figures and tables are read from there when they
    are used, so that a later call which replaces the result replaces these, too. messages are
    the lines that the program printed meanwhile.
    """

    def __init__(self, document: Mapping[str, Any], messages: Sequence[str] = ()):
        self.analysis: str = document["analysis"]
        self.run: str = document["run"]
        self.directory = os.path.abspath(document["out"])
        self.summary = Summary(document["summary"])
        self.findings: list[str] = list(document["findings"])
        self.warnings: list[str] = [w["text"] for w in document["warnings"]]
        self.messages = list(messages)
        files = sorted(os.listdir(self.directory))
        self.tables = Tables(self.directory, files)
        self.figures = Figures(self.directory, files)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write findings and figures as one HTML page. Its name ends in .html."""
        if not os.fspath(path).lower().endswith((".html", ".htm")):
            raise InputError(f"the path {os.fspath(path)!r} must end in .html; files of the result are in .directory")
        title = html.escape(self._title())
        page = (
            f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n<body>{self._repr_html_()}'
        )
        pathlib.Path(path).write_text(page + "</body></html>\n", encoding="utf-8")

    def _title(self) -> str:
        return f"{self.analysis} of {self.run}"

    def __repr__(self) -> str:
        notes = [f"note: {w}" for w in self.warnings]
        place = f"figures and data are in {shown_path(self.directory)}"
        return "\n".join([self._title(), *self.findings, *notes, place])

    def _repr_html_(self) -> str:
        parts = [f"<h4>{html.escape(self._title())}</h4>"]
        for title, lines in (("", self.findings), ("Notes", self.warnings)):
            if lines:
                parts.append(f"<p>{title}</p>" if title else "")
                parts.append("<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>")
        for figure in self.figures.values():
            if os.path.isfile(figure.path + ".svg"):
                parts.append(f"<div>{inline_svg(figure.svg)}</div>")
        parts.append(f"<p>Figures and data: <code>{html.escape(shown_path(self.directory))}</code></p>")
        return "\n".join(p for p in parts if p)
