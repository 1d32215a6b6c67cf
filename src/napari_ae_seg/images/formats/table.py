"""Tables as comma-separated values."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_ae_seg.core.wholefile import write_text

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(path: str | Path, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a heading of `columns` and `rows` below it, whole or not at all.

    A text that a spreadsheet would run as a formula gets an apostrophe in front; numbers stay as they are.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(map(plain_cell, columns))
    writer.writerows(map(plain_cell, row) for row in rows)
    write_text(path, text.getvalue())


def plain_cell(value: Any) -> Any:
    """`value` as a spreadsheet takes it for what it is.

    >>> plain_cell("=1+1"), plain_cell("nuclei"), plain_cell(-0.5)
    ("'=1+1", 'nuclei', -0.5)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
