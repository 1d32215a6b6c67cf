"""Labels inside the OME-Zarr image that they belong to: the format's own library finds them; the image is untouched."""

import json
import threading

import numpy as np
import pytest
import zarr

from napari_ae_seg.core.errors import DestinationError
from napari_ae_seg.images.destinations import check_destinations
from napari_ae_seg.images.formats.ngff import home_of, open_zarr_labels
from napari_ae_seg.images.formats.read import read_legend
from napari_ae_seg.images.formats.write import write_labels
from napari_ae_seg.images.legend import Legend
from napari_ae_seg.images.stack import read

LEGEND = Legend(
    {1: "plasma", 2: "nucleus"},
    {1: (0.2, 0.4, 1.0), 2: (1.0, 0.0, 0.0)},
    {"index": [1, 2], "name": ["plasma", "nucleus"], "size": [7, 3], "mean red": [0.5, float("nan")]},
)
SHAPE = (2, 3, 60, 100)  # c z y x


def made(path, version="0.5", consolidated=False):
    """An image of two channels with a coarser level, as others write it."""
    form = 3 if version == "0.5" else 2
    group = zarr.open_group(path, mode="w", zarr_format=form)
    levels = []
    for number, factor in enumerate((1, 2)):
        shape = (*SHAPE[:2], SHAPE[2] // factor, SHAPE[3] // factor)
        options = {"chunk_key_encoding": {"name": "v2", "separator": "/"}} if form == 2 else {}
        group.create_array(f"s{number}", shape=shape, chunks=(1, 3, 64, 64), dtype="u2", **options)[...] = number + 1
        scale = [1, 2.0, 0.5 * factor, 0.25 * factor]
        steps = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": [0, 5, 0, 0]}]
        levels.append({"path": f"s{number}", "coordinateTransformations": steps})
    units = {"z": "micrometer", "y": "micrometer", "x": "micrometer"}
    axes = [{"name": "c", "type": "channel"}, *({"name": a, "type": "space", "unit": u} for a, u in units.items())]
    scales = {"axes": axes, "datasets": levels}
    if form == 3:
        group.attrs["ome"] = {"version": version, "multiscales": [scales]}
    else:
        group.attrs["multiscales"] = [{"version": version, **scales}]
    if consolidated:
        zarr.consolidate_metadata(path)
    return path


def labels(top=2):
    values = np.zeros(SHAPE[1:], np.int32)
    values[:, 10:30, 20:60], values[1:, 40:, :] = 1, top
    return values


def content(path):
    """All files of an image but its labels: their bytes and when they were written."""
    files = [file for file in path.rglob("*") if file.is_file() and "labels" not in file.relative_to(path).parts]
    return {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


def nodes(path):
    """What ome-zarr's reader finds, by the last part of each path."""
    io, reader = pytest.importorskip("ome_zarr.io"), pytest.importorskip("ome_zarr.reader")
    return {node.zarr.basename(): node for node in reader.Reader(io.parse_url(path))()}


@pytest.mark.parametrize("consolidated", [False, True])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.filterwarnings("ignore:Consolidated metadata:UserWarning")
def test_the_reader_of_the_format_finds_labels_names_colors_and_places(tmp_path, version, consolidated):
    path = made(tmp_path / "a.zarr", version, consolidated)
    before = content(path)
    write_labels(path / "labels" / "cells", labels(), read(path).image, LEGEND)
    assert content(path) == before
    found = nodes(path)["cells"]
    assert [tuple(level.shape) for level in found.data] == [(3, 60, 100), (3, 30, 50)]
    assert np.array_equal(np.asarray(found.data[0]), labels())
    assert np.array_equal(np.asarray(found.data[1]), labels()[:, 1::2, 1::2])
    assert found.metadata["color"] == {1: pytest.approx([0.2, 0.4, 1, 1]), 2: [1, 0, 0, 1]}
    facts = {n: (row["name"], row["size"]) for n, row in found.metadata["properties"].items()}
    assert facts == {1: ("plasma", 7), 2: ("nucleus", 3)}
    assert [axis["name"] for axis in found.metadata["axes"]] == ["z", "y", "x"]
    scale = found.metadata["coordinateTransformations"][1][0]["scale"]
    assert (scale, found.metadata["axes"][2]["unit"]) == ([2.0, 1.0, 0.5], "micrometer")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_of_an_image_are_read_again_where_they_lie(tmp_path, version):
    path = made(tmp_path / "a.zarr", version)
    write_labels(path / "labels" / "cells", labels(70000), read(path).image, LEGEND)
    again = read(path / "labels" / "cells", ndim=3).image
    assert np.array_equal(again.sources[0].array[...], labels(70000))
    assert (again.spacing, set(again.units), again.transform["translate"]) == (
        (2, 0.5, 0.25),
        {"micrometer"},
        (5, 0, 0),
    )
    known = read_legend(path / "labels" / "cells")
    assert (known.names, known.colors[2]) == (LEGEND.names, LEGEND.colors[2])
    assert known.table["mean red"] == [0.5, None]


def test_several_labels_are_listed_each_once(tmp_path):
    path = made(tmp_path / "a.zarr")
    for name in ("b", "a", "b"):
        write_labels(path / "labels" / name, labels(), read(path).image)
    assert dict(zarr.open_group(path / "labels", mode="r").attrs)["ome"] == {"version": "0.5", "labels": ["b", "a"]}
    assert {"a", "b"} < set(nodes(path))


def test_labels_of_someone_else_stay_and_stay_listed(tmp_path):
    path = made(tmp_path / "a.zarr", "0.4")
    theirs = zarr.open_group(path / "labels", mode="w", zarr_format=2)
    theirs.attrs.update({"labels": ["theirs"], "note": "of the microscope"})
    theirs.create_group("theirs").create_array("0", shape=(3, 60, 100), dtype="u1")
    with pytest.raises(FileExistsError, match="is not replaced"):
        write_labels(path / "labels" / "theirs", labels(), read(path).image)
    write_labels(path / "labels" / "mine", labels(), read(path).image)
    about = json.loads((path / "labels" / ".zattrs").read_text())
    assert about == {"labels": ["theirs", "mine"], "note": "of the microscope"}


def test_what_fails_half_way_leaves_the_image_as_it_was(tmp_path):
    path = made(tmp_path / "a.zarr")
    before = sorted(tmp_path.rglob("*"))

    def interrupted():
        with open_zarr_labels(path / "labels" / "cells", read(path).image) as out:
            out[:2] = 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sorted(tmp_path.rglob("*")) == before


def test_writers_at_once_are_all_listed(tmp_path):
    path = made(tmp_path / "a.zarr")
    image, names = read(path).image, [f"n{number}" for number in range(6)]
    threads = [threading.Thread(target=write_labels, args=(path / "labels" / n, labels(), image)) for n in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(dict(zarr.open_group(path / "labels", mode="r").attrs)["ome"]["labels"]) == names
    assert sorted(one.name for one in (path / "labels").iterdir()) == [*names, "zarr.json"]


def test_a_damaged_chunk_is_noticed(tmp_path):
    path = made(tmp_path / "a.zarr")
    write_labels(path / "labels" / "cells", np.random.default_rng(0).integers(0, 9, SHAPE[1:]), read(path).image)
    chunk = next(file for file in (path / "labels" / "cells" / "0" / "c").rglob("*") if file.is_file())
    damaged = bytearray(chunk.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    chunk.write_bytes(damaged)
    with pytest.raises(Exception, match=r"damaged|corrupt|checksum"):
        read(path / "labels" / "cells").image.block(0, (slice(0, 60), slice(0, 100)))


def test_labels_of_another_shape_are_refused(tmp_path):
    path = made(tmp_path / "a.zarr")
    with pytest.raises(DestinationError, match=r"has shape \(3, 60, 100\) without channels, the labels of .* \(4, 4\)"):
        write_labels(path / "labels" / "cells", np.ones((4, 4), int), read(np.zeros((4, 4))).image)


def test_labels_of_one_image_of_several_need_its_name(tmp_path):
    zarr.open_group(tmp_path / "all.zarr", mode="w").create_group("0")
    made(tmp_path / "all.zarr" / "0")
    with pytest.raises(
        DestinationError, match=r"no single OME-Zarr image; it holds 0: give .*all\.zarr/0/labels/cells"
    ):
        write_labels(tmp_path / "all.zarr" / "labels" / "cells", labels())
    write_labels(tmp_path / "all.zarr" / "0" / "labels" / "cells", labels(), read(tmp_path / "all.zarr").image)
    assert home_of(tmp_path / "all.zarr" / "0" / "labels" / "cells") == tmp_path / "all.zarr" / "0"


def test_the_gate_lets_labels_into_their_image_and_nothing_else(tmp_path):
    path = made(tmp_path / "a.zarr")
    check_destinations([path], {"--out": [path / "labels" / "cells"]})
    assert not (path / "labels").exists()
    with pytest.raises(DestinationError, match=r"lies inside .*which is read"):
        check_destinations([path], {"--table": [path / "labels" / "cells.csv"]})
    for inside in (path / "cells", path / "s0", path / "labels"):
        with pytest.raises(DestinationError, match=r"lies inside .*which is read"):
            check_destinations([path], {"--out": [inside]})
    write_labels(path / "labels" / "cells", labels(), read(path).image)
    check_destinations([path], {"--out": [path / "labels" / "cells"]})
    with pytest.raises(DestinationError, match="is read by this command"):
        check_destinations([path / "labels" / "cells"], {"--out": [path / "labels" / "cells"]})


def test_a_plain_folder_called_labels_is_no_place_in_an_image(tmp_path):
    (tmp_path / "labels").mkdir()
    assert home_of(tmp_path / "labels" / "cells") is None
    with pytest.raises(ValueError, match=r"ending is none of .*no place IMAGE\.zarr/labels/NAME"):
        write_labels(tmp_path / "labels" / "cells", labels())


def test_labels_of_their_own_have_coarser_levels_where_they_are_large(tmp_path):
    values = np.zeros((2, 700, 1100), int)
    values[:, :, 550:] = 3
    write_labels(tmp_path / "l.zarr", values, read(np.zeros(values.shape), axes="ZYX", spacing=0.5).image, LEGEND)
    found = nodes(tmp_path / "l.zarr")["l.zarr"]
    assert [level.shape for level in found.data] == [(2, 700, 1100), (2, 350, 550), (2, 175, 275)]
    assert np.array_equal(np.asarray(found.data[1])[0, 0], values[0, 0, 1::2])
    assert found.metadata["coordinateTransformations"][1] == [
        {"type": "scale", "scale": [0.5, 1, 1]},
        {"type": "translation", "translation": [0, 0.25, 0.25]},
    ]
