"""Tables: they show what they hold, and files of them hold the same."""

import csv

import pytest

from napari_ae_seg.core.errors import MissingExtraError
from napari_ae_seg.images.formats import optional
from napari_ae_seg.images.formats.table import Table


def test_rows_of_several_tables_keep_their_columns_apart():
    both = Table.stacked([{"a": [1, 2]}, {"b": [3.5]}, {}])
    assert both.rows == [(1, None), (2, None), (None, 3.5)]


def test_a_csv_holds_the_rows_and_what_is_missing_stays_empty(tmp_path):
    Table({"name": ["=1+1", "b"], "size": [2, None]}).save(tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["name", "size"], ["'=1+1", "2"], ["b", ""]]


def test_a_parquet_file_is_read_by_pyarrow_with_its_types(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = Table({"name": ["a", "b"], "size": [2, None], "mean": [0.5, float("nan")]})
    table.save(tmp_path / "t.parquet")
    read = parquet.read_table(tmp_path / "t.parquet")
    assert read.column("size").to_pylist() == [2, None]
    assert [str(field.type) for field in read.schema] == ["string", "int64", "double"]


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(optional.importlib, "import_module", lambda name: exec("raise ImportError"))
    with pytest.raises(MissingExtraError, match=r"napari-ae-seg\[parquet\]"):
        Table({"a": [1]}).save(tmp_path / "t.parquet")
    assert not list(tmp_path.iterdir())


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\.csv or \.parquet, got t\.xlsx"):
        Table({"a": [1]}).save(tmp_path / "t.xlsx")


def test_a_long_and_wide_table_shows_its_beginning():
    table = Table({f"column {n}": list(range(100)) for n in range(40)})
    lines = repr(table).splitlines()
    assert len(lines) == 17
    assert "86 more rows" in lines[-2]
    assert "more columns" in lines[-1]
    assert "86 more rows" in table._repr_html_()
