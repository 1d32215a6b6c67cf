import hashlib
import json
import re

import numpy as np
import pytest

from napari_ae_seg import ModelFileError
from napari_ae_seg.core import modelfile

HEADER = {"kind": "test", "text": 'a "sha256":"' + "0" * 64 + "\" of one's own", "values": [1, 2.5, None]}
TENSORS = {
    "half": np.arange(4, dtype=np.float16),
    "scalar": np.array(7, np.int64),
    "none": np.zeros((0, 3), np.float32),
    "flags": np.array([[True], [False]]),
    "sha256": np.arange(6, dtype=np.uint8).reshape(2, 3),
}


@pytest.fixture
def path(tmp_path):
    modelfile.write(tmp_path / "model.aeseg", HEADER, TENSORS)
    return tmp_path / "model.aeseg"


def signed(content: bytes) -> bytes:
    """The content with its digest made right again."""
    start, stop = re.search(rb'"sha256":"([0-9a-f]{64})"', content).span(1)
    return content[:start] + hashlib.sha256(content[:start] + content[stop:]).hexdigest().encode() + content[stop:]


def test_a_file_gives_back_what_was_written(path):
    header, tensors = modelfile.read(path)
    assert header == HEADER
    assert set(tensors) == set(TENSORS)
    for name, array in TENSORS.items():
        assert tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(tensors[name], array, strict=True)


def test_strided_and_big_endian_arrays_keep_their_values(tmp_path):
    array = np.arange(12, dtype=">f4").reshape(3, 4)[:, ::-2]
    modelfile.write(tmp_path / "a", {}, {"x": array})
    np.testing.assert_array_equal(modelfile.read(tmp_path / "a")[1]["x"], array)


def test_flipping_any_byte_is_noticed(path, tmp_path):
    content = path.read_bytes()
    damaged = tmp_path / "damaged.aeseg"
    random = np.random.default_rng(0)
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1 << int(random.integers(8))
        damaged.write_bytes(flipped)
        with pytest.raises(ModelFileError):
            modelfile.read(damaged)


@pytest.mark.parametrize(
    "change", [lambda x: x[:-1], lambda x: x + b"\0", lambda x: x[1:], lambda x: x[: len(x) // 2], lambda x: x[:5]]
)
def test_a_shortened_or_lengthened_file_is_noticed(path, change):
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ModelFileError):
        modelfile.read(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is not a model of napari-ae-seg"),
        (b"just some text, longer than eight bytes", "is not a model of napari-ae-seg"),
    ],
)
def test_foreign_files_are_named_as_such(tmp_path, content, sentence):
    (tmp_path / "x.aeseg").write_bytes(content)
    with pytest.raises(ModelFileError, match=sentence):
        modelfile.read(tmp_path / "x.aeseg")


def test_a_plain_safetensors_file_is_foreign(tmp_path):
    from safetensors.numpy import save_file

    save_file({"x": np.zeros(3)}, tmp_path / "x.safetensors")
    with pytest.raises(ModelFileError, match="is not a model of napari-ae-seg"):
        modelfile.read(tmp_path / "x.safetensors")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"nowhere\.aeseg does not exist"):
        modelfile.read(tmp_path / "nowhere.aeseg")
    with pytest.raises(ModelFileError, match="is a folder"):
        modelfile.read(tmp_path)


def test_a_later_format_asks_for_an_update(path):
    path.write_bytes(signed(path.read_bytes().replace(b'"format":"1"', b'"format":"9"')))
    with pytest.raises(ModelFileError, match=r"later version .* pip install --upgrade"):
        modelfile.read(path)


@pytest.mark.parametrize("header", ["[1]", "{", "null"])
def test_a_right_checksum_does_not_make_a_model(path, header):
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    inner = json.loads(content[8 : 8 + length])
    inner["__metadata__"]["header"] = header
    text = json.dumps(inner, separators=(",", ":")).encode()
    path.write_bytes(signed(len(text).to_bytes(8, "little") + text + content[8 + length :]))
    with pytest.raises(ModelFileError, match="is not a model"):
        modelfile.read(path)


def test_a_failed_write_leaves_what_was_there_and_nothing_else(path):
    before = path.read_bytes()
    with pytest.raises(TypeError):
        modelfile.write(path, {"not JSON": object()}, TENSORS)
    assert path.read_bytes() == before
    with pytest.raises(OSError, match="directory"):
        modelfile.write(path.parent, HEADER, TENSORS)
    assert list(path.parent.iterdir()) == [path]
    assert list(path.parent.parent.glob(".*partial")) == []


def test_objects_are_refused(tmp_path):
    with pytest.raises(TypeError, match="holds numbers"):
        modelfile.write(tmp_path / "x", {}, {"x": np.array([{}], dtype=object)})
