"""The figures of a result."""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import shutil
from typing import Iterator, Mapping

from .errors import InputError
from .words import listed, shown_path

_FORMATS = ("svg", "png", "pdf")


class Figure:
    """One figure of a result. A notebook shows it as SVG.

    path is the path of its files without the suffix. The files have the formats that the
    analysis wrote: svg, png and pdf, unless formats= chose others.
    """

    def __init__(self, path: str):
        self.path = path

    @property
    def svg(self) -> str:
        """The figure as SVG."""
        return pathlib.Path(self._file("svg")).read_text(encoding="utf-8")

    @property
    def png(self) -> bytes:
        """The figure as PNG."""
        return pathlib.Path(self._file("png")).read_bytes()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Copy the figure to a file. Its suffix is the format: .svg, .png or .pdf."""
        suffix = os.path.splitext(os.fspath(path))[1][1:].lower()
        if suffix not in _FORMATS:
            raise InputError(f"the path {os.fspath(path)!r} must end in .svg, .png or .pdf")
        shutil.copyfile(self._file(suffix), path)

    def _file(self, suffix: str) -> str:
        file = f"{self.path}.{suffix}"
        if not os.path.isfile(file):
            raise InputError(
                f"{file} does not exist: the analysis wrote other formats; call it with formats={suffix!r}"
            )
        return file

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return inline_svg(self.svg)

    def __repr__(self) -> str:
        return f"<figure {shown_path(self.path)}>"


class Figures(Mapping[str, Figure]):
    """The figures of a result, by name."""

    def __init__(self, directory: str, files: list[str]):
        suffixes = tuple("." + f for f in _FORMATS)
        names = dict.fromkeys(os.path.splitext(f)[0] for f in files if f.endswith(suffixes))
        self._figures = {n: Figure(os.path.join(directory, n)) for n in names}

    def __getitem__(self, name: str) -> Figure:
        if name not in self._figures:
            raise KeyError(f"the result has no figure {name!r}; it has {listed(list(self._figures))}")
        return self._figures[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    def __repr__(self) -> str:
        return f"<figures {', '.join(self._figures)}>"


def inline_svg(svg: str) -> str:
    """Return an SVG as a part of an HTML page.

    All ids get a prefix that depends on the content, because ids of several figures on one
    page would be the same.
    """
    svg = svg[max(svg.find("<svg"), 0) :]
    prefix = "f" + hashlib.sha256(svg.encode()).hexdigest()[:10] + "-"
    svg = re.sub(r'(\sid=["\'])', rf"\1{prefix}", svg)
    svg = re.sub(r"(url\(['\"]?#)", rf"\1{prefix}", svg)
    return re.sub(r'((?:xlink:)?href=["\']#)', rf"\1{prefix}", svg)
