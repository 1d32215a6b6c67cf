"""The report: one page that stands alone, with the pictures and figures of a run."""

import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

import napari_ae_seg as ae
from napari_ae_seg.explore.exploration import Exploration
from napari_ae_seg.report import charts
from napari_ae_seg.report.page import fields, page, write_report


def scene(seed=0, shape=(64, 72)):
    image = np.zeros(shape, np.float32)
    image[..., 16:40, 12:44] = 1
    image[..., :, 54:] = 2
    return image + np.random.default_rng(seed).normal(0, 0.05, shape).astype(np.float32)


@pytest.fixture(scope="module")
def segmenter():
    stack = ae.read(scene(), axes="YX")
    model = ae.train(
        stack, ae.TrainingConfig(steps=12, patch=16, batch=2), ae.NetworkConfig(width=4, levels=2, latents=4)
    )
    return ae.Segmenter.fit(model, stack, ae.SegmentationConfig()).rename(1, "<ground> & dust")


@pytest.fixture(scope="module")
def text(segmenter):
    return page([Exploration.of(segmenter, ae.read(scene(seed), axes="YX")) for seed in (0, 1)])


class Reader(HTMLParser):
    """Keeps tags that are open, and addresses."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.tags = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "action", "data")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(text):
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert not {"script", "link", "iframe"} & set(reader.tags)
    assert len(reader.addresses) > 10
    assert all(address.startswith("data:image/png;base64,") for address in reader.addresses)
    assert not re.search(r"https?://|url\((?!#)|@import", text)


def test_every_section_is_there(text):
    assert re.findall("<h2>(.*?)</h2>", text) == [
        "Images",
        "Clusters",
        "Number of clusters and stability",
        "Drift and confidence",
        "Training",
        "Settings",
        "Software",
    ]
    for word in (
        "adjusted Rand index",
        "prototype",
        "typical patch",
        "set apart by",
        "n_clusters",
        "torch",
        "confidence",
    ):
        assert word in text
    assert text.count("<h3>image</h3>") == 4
    assert text.count("<polyline") >= 2


def test_names_are_text_not_markup(text):
    assert "&lt;ground&gt; &amp; dust" in text
    assert "<ground>" not in text


def test_settings_that_differ_stand_out(segmenter, text):
    own = {name for name, _, differs in fields(segmenter.model.network) if differs}
    assert {"latents", "width", "levels"} <= own
    assert "down" not in own
    assert '<tr class="own"><td>width</td><td>4</td></tr>' in text
    assert "<tr><td>down</td><td>average</td></tr>" in text


def test_a_report_appears_whole_or_not_at_all(segmenter, tmp_path):
    with pytest.raises(ValueError, match="at least one"):
        write_report(tmp_path / "r.html", [])
    assert not list(tmp_path.iterdir())
    write_report(tmp_path / "r.html", [Exploration.of(segmenter, ae.read(scene(), axes="YX"))])
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]


def test_a_volume_shows_its_middle_slice():
    stack = ae.read(scene(shape=(10, 64, 72)), axes="ZYX", ndim=3)
    network = ae.NetworkConfig(width=2, levels=2, latents=3, ndim=3)
    model = ae.train(stack, ae.TrainingConfig(steps=2, patch=8, batch=1), network)
    one = Exploration.of(ae.Segmenter.fit(model, stack, ae.SegmentationConfig(n_clusters=2)), stack)
    assert "the middle slice is shown" in page([one])


def test_ticks_are_round():
    assert charts.ticks(0.13, 0.87) == [0.2, 0.4, 0.6, 0.8]
    assert charts.ticks(2, 5, whole=True) == [2, 3, 4, 5]
    assert charts.lines({}, "x", "y") is None


def test_the_command_line_writes_it(segmenter, tmp_path):
    segmenter.save(tmp_path / "m.aeseg")
    np.save(tmp_path / "a.npy", scene())
    words = [sys.executable, "-m", "napari_ae_seg", "report", "m.aeseg", "a.npy", "--out"]
    done = subprocess.run([*words, "a.html"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.html").stat().st_size > 20_000
    wrong = subprocess.run([*words, "a.pdf"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert ".html" in wrong.stderr
