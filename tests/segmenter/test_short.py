"""The short way: `ae.segment`, what else takes arrays, what is refused in one sentence, and what is printed."""

import numpy as np
import pytest
import tifffile

import napari_ae_seg as ae

BANDS = np.ones((120, 1), np.float32) * (np.arange(120) // 42)


class Layer:
    """What a napari Image layer has."""

    name, data, scale, rgb = "bands", BANDS, (0.5, 0.5), False


@pytest.fixture(scope="module")
def segmenter():
    return ae.Segmenter.fit(None, BANDS, ae.SegmentationConfig(n_clusters=3))


@pytest.mark.parametrize("kind", ["array", "layer", "stack", "path"])
def test_an_array_a_layer_a_stack_and_a_path_are_segmented_in_one_call(kind, tmp_path):
    tifffile.imwrite(tmp_path / "bands.tif", BANDS)
    image = {"array": BANDS, "layer": Layer(), "stack": ae.read(BANDS), "path": tmp_path / "bands.tif"}[kind]
    segments = ae.segment(image, n_clusters=3)
    assert (segments.labels[:, 6:36] == 1).all()
    assert (segments.labels[:, 90:114] == 3).all()
    assert segments.transform.get("scale") == ((0.5, 0.5) if kind == "layer" else None)


def test_several_images_share_the_meaning_of_their_labels():
    one, other = ae.segment([BANDS, BANDS[:, ::-1].copy()], 3)
    assert (one.labels[:, 12] == 1).all()
    assert (other.labels[:, 108] == 1).all()


def test_fields_of_the_configuration_go_by_name():
    assert ae.segment(BANDS, 3, features="intensity", smoothing=1).metadata["config"]["smoothing"] == 1
    with pytest.raises(ValueError, match="smothing"):
        ae.segment(BANDS, 3, smothing=1)


def test_without_a_number_it_is_chosen():
    assert "cluster" in ae.segment(BANDS).sentence


def test_a_segmenter_and_its_file_are_used_again(segmenter, tmp_path):
    named = segmenter.rename(1, "left")
    named.save(tmp_path / "bands.aeseg")
    for model in (named, tmp_path / "bands.aeseg"):
        assert ae.segment(BANDS, model=model).names[1] == "left"
    assert len(ae.segment(BANDS, 2, model=named).names) == 2


def test_a_network_and_its_file_look_at_the_image(tmp_path):
    model = ae.train(BANDS, ae.TrainingConfig(steps=1), ae.NetworkConfig(levels=2))
    model.save(tmp_path / "net.aeseg")
    for known in (model, tmp_path / "net.aeseg", ae.Autoencoder.shipped(2)):
        assert ae.segment(BANDS, 3, model=known).labels.max() == 3


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (lambda s: s.merge([1, 2]), r"by their numbers, one after another, such as 1, 2; got \[1, 2\]"),
        (lambda s: s.label(BANDS), r"label takes what prepare\(images\) gives, got a ndarray"),
        (lambda _: ae.Segmenter.fit(BANDS, None), "an Autoencoder comes first, or None, then the images"),
        (lambda _: ae.Segmenter.fit(None, BANDS, ae.TrainingConfig()), "as training=..."),
        (lambda _: ae.Segmenter.fit(None, ae.SegmentationConfig()), "pass an array, path, layer or Stack"),
    ],
)
def test_what_is_of_the_wrong_kind_is_told_in_one_sentence(segmenter, call, refusal):
    with pytest.raises((TypeError, ae.ImageReadError), match=refusal):
        call(segmenter)


@pytest.mark.parametrize("name", ["merge", "background", "foreground", "hide", "show", "rename", "recolor", "split"])
def test_a_segment_that_is_not_there_is_refused_with_those_that_are(segmenter, name):
    more = {"merge": (1,), "rename": ("x",), "recolor": ((1, 0, 0),)}.get(name, ())
    with pytest.raises(ValueError, match="there is no segment 9; the segments are 1 to 3"):
        getattr(segmenter, name)(9, *more)


def test_segmenter_and_segments_are_printed_in_twenty_lines():
    noise = np.random.default_rng(0).random((64, 64), np.float32)
    segmenter = ae.Segmenter.fit(None, noise, ae.SegmentationConfig(n_clusters=40, features="intensity", smoothing=0))
    for text in (repr(segmenter), repr(segmenter.apply(noise))):
        assert len(text.splitlines()) <= 20
        assert max(map(len, text.splitlines())) < 400
        assert "and 26 more" in text


def test_segmenter_and_segments_show_a_picture_and_a_table_with_names_as_text(segmenter):
    named = segmenter.rename(2, "<b>nuclei</b>").recolor(2, (1, 0, 0))
    for page in (named._repr_html_(), named.apply(BANDS)._repr_html_()):
        assert 'src="data:image/png;base64,' in page
        assert "<b>nuclei" not in page
        assert "&lt;b&gt;nuclei" in page


def test_objects_are_found_in_an_array_as_in_its_image(segmenter):
    segments = segmenter.apply(BANDS)
    assert segments.objects(BANDS).table == segments.objects(ae.read(BANDS).image).table
