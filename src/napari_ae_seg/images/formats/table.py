"""Tables: columns of equal length, as files that spreadsheets and data frames read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ae_seg.core.wholefile import whole_file, write_text
from napari_ae_seg.images import notebook

from .optional import optional

if TYPE_CHECKING:
    from typing import Self

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Table(dict[str, list[Any]]):
    """Columns by name, all of one length: a dictionary of lists that shows and saves itself.

    `pandas.DataFrame(table)` takes it as it is.

    Parameters
    ----------
    columns : mapping of str to list
        Name -> values, all of one length.

    Examples
    --------
    >>> table = Table({"index": [1, 2], "size": [25, 9]})
    >>> table
    index  size
        1    25
        2     9
    >>> table.count, table.rows[0]
    (2, (1, 25))
    """

    def __init__(self, columns: Mapping[str, list[Any]] | None = None) -> None:
        super().__init__(columns or {})

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.values()), ()))

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The rows, each with a value per column."""
        return list(zip(*self.values(), strict=True))

    @classmethod
    def stacked(cls, tables: Sequence[dict[str, list[Any]]]) -> Self:
        """The rows of several tables, one below the other.

        Parameters
        ----------
        tables : sequence of dict
            Columns by name; what one lacks is None in its rows.

        Returns
        -------
        Table
            With every column that any of them has.

        Examples
        --------
        >>> Table.stacked([{"index": [1]}, {"index": [2], "size": [9]}])
        index  size
            1
            2     9
        """
        names = list(dict.fromkeys(name for table in tables for name in table))
        lengths = [len(next(iter(table.values()), ())) for table in tables]
        both = list(zip(tables, lengths, strict=True))
        return cls({name: [v for t, count in both for v in t.get(name, [None] * count)] for name in names})

    def save(self, path: str | Path) -> None:
        """Write a file: .csv, or .parquet if pyarrow is installed; whole or not at all.

        Parameters
        ----------
        path : path
            The file; one that is there is replaced.

        Raises
        ------
        ValueError
            If the file's ending is another.
        MissingExtraError
            If Parquet is wanted and pyarrow is not installed.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Table({"index": [1]}).save(f"{folder}/table.csv")
        ...     pathlib.Path(f"{folder}/table.csv").read_text().split()
        ['index', '1']
        """
        ending = Path(path).suffix.lower()
        if ending not in TABLES:
            raise ValueError(f"tables are written as {' or '.join(TABLES)}, got {Path(path).name}")
        if ending == ".csv":
            write_csv(path, self, self.rows)
            return
        arrow, parquet = optional("pyarrow", "Parquet", "parquet"), optional("pyarrow.parquet", "Parquet", "parquet")
        with whole_file(path) as file:
            parquet.write_table(arrow.table(dict(self)), file)

    def __repr__(self) -> str:
        return "\n".join(_aligned(self))

    def _repr_html_(self) -> str:
        return notebook.card("", [], list(self), self.rows[: notebook.LINES], _left(self.count))


TABLES = (".csv", ".parquet")
"""Endings of files of tables."""


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


def _aligned(table: Table) -> list[str]:
    """Lines of at most `notebook.LINES` rows, as many columns as a line of text has room for."""
    cells = [[name, *(_text(value) for value in values[: notebook.LINES])] for name, values in table.items()]
    widths = [max(map(len, column)) for column in cells]
    room, shown = 110, 0
    while shown < len(widths) and sum(widths[: shown + 1]) + 2 * shown <= room:
        shown += 1
    columns = [[cell.rjust(width) for cell in column] for column, width in zip(cells, widths[:shown], strict=False)]
    lines = ["  ".join(line).rstrip() for line in zip(*columns, strict=True)]
    more = f"and {len(widths) - shown} more columns" if shown < len(widths) else ""
    return [*lines, *filter(None, [_left(table.count), more])]


def _left(count: int) -> str:
    return f"and {count - notebook.LINES} more rows" if count > notebook.LINES else ""


def _text(value: Any) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
