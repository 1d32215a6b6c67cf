"""Classifying: from a few examples to the classes of all objects, images or slices."""

import csv
from dataclasses import replace

import numpy as np
import pytest

import napari_ae_seg as ae
from napari_ae_seg.autoencoder import encode
from napari_ae_seg.classifier import Classifier, blocks_of, learners, measure, measured
from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.core import modelfile
from napari_ae_seg.core.progress import silent
from napari_ae_seg.samples.celltypes import two_types
from napari_ae_seg.segmenter.fit import default_model


@pytest.fixture(scope="module")
def drawn():
    return two_types(np.random.default_rng(12), 384)


@pytest.fixture(scope="module")
def stack(drawn):
    return ae.read((4000 * drawn.image).astype(np.uint16), axes="YX", spacing=0.5)


@pytest.fixture(scope="module")
def model(stack):
    return default_model(stack, SegmentationConfig(threads=1), silent)


@pytest.fixture(scope="module")
def items(model, stack, drawn):
    return measured(model, stack, drawn.numbers)


@pytest.fixture
def some(items, drawn):
    """The classes of the first 24 objects, "" for the others."""
    return [name if row < 24 else "" for row, name in enumerate(items.named(drawn.types))]


def share_right(found, types):
    return np.mean([types[i] == name for i, name in zip(found.items.index.tolist(), found.names, strict=True)])


def test_a_few_examples_teach_the_texture_that_shape_and_brightness_do_not_show(model, items, some, drawn, stack):
    right = {}
    for latents in ("multiscale", "none"):
        taught = Classifier.taught(model, items, some, ae.ClassificationConfig(latents=latents))
        found = taught.recognise(items, stack, drawn.numbers, some)
        right[latents] = share_right(found, drawn.types)
    assert right["multiscale"] > 0.9
    assert right["none"] < 0.85


def test_classify_gives_labels_colored_by_class_and_a_table(stack, drawn, model):
    known = dict(list(drawn.types.items())[:16])
    found = ae.classify(stack, known, drawn.numbers, model=model)
    assert np.array_equal(found.labels, drawn.numbers)
    layer = found.layer
    assert layer["scale"] == (0.5, 0.5)
    assert layer["features"]["index"] == sorted(drawn.types)
    number, other = [n for n in known if known[n] == "fine"][:2]
    assert (
        layer["colormap"][number][:3] == layer["colormap"][other][:3] == found.colors[found.classes.index("fine") + 1]
    )
    assert layer["colormap"][None][3] == 0
    table = found.table
    row = table["index"].index(number)
    assert table["class"][row] == "fine"
    assert table["given"][row] is True
    assert sum(table["given"]) == 16
    np.testing.assert_allclose(np.add(table["p(fine)"], table["p(coarse)"]), 1, atol=2e-4)
    classes = found.class_labels
    assert set(np.unique(classes)) == {0, 1, 2}
    assert (classes[drawn.numbers == number] == found.classes.index("fine") + 1).all()


def test_a_saved_classifier_recognises_the_same_and_holds_no_code(model, items, some, stack, drawn, tmp_path):
    taught = Classifier.taught(model, items, some).checked()
    taught.save(tmp_path / "c.aeseg")
    header, arrays = modelfile.read(tmp_path / "c.aeseg")
    assert header["classes"] == ["coarse", "fine"]
    assert all(array.dtype.kind in "biuf" for array in arrays.values())
    again = Classifier.load(tmp_path / "c.aeseg")
    assert again.quality == taught.quality
    before, after = (one.apply(stack, drawn.numbers).probabilities for one in (taught, again))
    assert np.array_equal(before, after)
    ae.Autoencoder.load(tmp_path / "c.aeseg")
    model.save(tmp_path / "m.aeseg")
    with pytest.raises(ae.ModelFileError, match="holds an autoencoder, no classifier: train one"):
        Classifier.load(tmp_path / "m.aeseg")


@pytest.mark.parametrize("learner", learners.LEARNERS)
def test_every_learner_learns_and_does_the_same_twice(model, items, some, stack, drawn, learner):
    config = ae.ClassificationConfig(learner=learner, latents="bottleneck", trees=20, folds=2)
    one, two = (Classifier.taught(model, items, some, config).checked() for _ in range(2))
    assert one.quality.accuracy > one.quality.majority
    assert one.quality == two.quality
    assert np.array_equal(*(c.recognise(items, stack, drawn.numbers).probabilities for c in (one, two)))
    weights = one.importance()
    assert list(weights.values()) == sorted(weights.values(), reverse=True)
    assert sum(weights.values()) == pytest.approx(1)
    assert max(blocks_of(weights), key=blocks_of(weights).get) == "latents"


def test_tile_by_tile_is_the_same_as_at_once(model, stack, drawn, items, monkeypatch):
    monkeypatch.setitem(encode.BLOCK, 2, 128)
    tiled = measured(model, stack, drawn.numbers)
    assert tiled.features == items.features
    np.testing.assert_allclose(tiled.values, items.values, atol=2e-3)


def test_the_mean_of_a_latent_is_that_over_the_object(model, items, stack, drawn):
    latents = encode.encode_array(model, stack.image.block(0, (slice(0, 384), slice(0, 384)))).levels
    inside = drawn.numbers == items.index[3]
    values = latents[0][2].numpy().repeat(2, 0).repeat(2, 1)[inside]
    columns = dict(zip(items.features, items.values[3], strict=True))
    assert columns["latents: level 1 channel 3, mean"] == pytest.approx(values.mean(), abs=1e-4)
    assert columns["latents: level 1 channel 3, spread"] == pytest.approx(values.std(), abs=1e-4)


def shapes(labels, spacing=(1.0, 1.0)):
    sums = measure.add_up(np.pad(labels, 1), np.zeros((1, *labels.shape)), [], 0, (0,) * labels.ndim, spacing)
    return measure.shape(sums, spacing)


def test_shapes_are_measured_in_units():
    y, x = np.mgrid[:60, :120]
    labels = np.zeros((60, 120), int)
    labels[(y - 30) ** 2 + (x - 30) ** 2 < 400] = 1
    labels[10:20, 60:90] = 2
    labels[20:30, 60:90] = 3
    found = shapes(labels)
    np.testing.assert_allclose(np.exp(found["size"]), [(labels == n).sum() for n in (1, 2, 3)])
    np.testing.assert_allclose(found["elongation"], [1, 3, 3], rtol=0.01)
    np.testing.assert_allclose(found["fill"], [1, 3 / np.pi, 3 / np.pi], rtol=0.01)
    np.testing.assert_allclose(found["touching"], [0, 30 / 80, 30 / 80])
    stretched = shapes(labels[:, ::2], (1.0, 2.0))
    np.testing.assert_allclose(stretched["elongation"], found["elongation"], rtol=0.03)
    np.testing.assert_allclose(stretched["size"], found["size"], rtol=0.02)


def test_a_ball_is_round_in_3d():
    z, y, x = np.mgrid[:15, :30, :30]
    found = shapes(((2 * z - 14.5) ** 2 + (y - 15) ** 2 + (x - 15) ** 2 < 100).astype(int), (2.0, 1.0, 1.0))
    for name in ("elongation", "flatness", "fill"):
        np.testing.assert_allclose(found[name], 1, atol=0.04)


@pytest.fixture(scope="module")
def pictures():
    """Eight small pictures, striped or plain, and which one is which."""
    rng = np.random.default_rng(0)
    names = ["striped", "plain"] * 4
    images = [rng.integers(90, 110, (2, 32, 32)).astype(np.uint8) for _ in names]
    for image, name in zip(images, names, strict=True):
        image[:, ::4] += 40 if name == "striped" else 0
    return ae.read(images, axes="TYX"), names


def test_whole_images_have_classes(pictures):
    stack, names = pictures
    found = ae.classify(stack, [*names[:6], "", ""])
    assert found.names == names
    assert "image" not in found.classifier.sentence
    assert not any(name.startswith("shape") for name in found.items.features)
    assert found.of(1).class_labels.shape == (2, 32, 32)
    with pytest.raises(ValueError, match="7 entries"):
        ae.classify(stack, names[:7])


def test_slices_have_classes(pictures):
    stack, _ = pictures
    mixed = np.stack([stack.images[i].block(0, (slice(0, 32),) * 2)[0] for i in range(8)]).astype(np.uint8)
    config = ae.ClassificationConfig(slices=True)
    found = ae.classify(ae.read(mixed, axes="TYX"), {0: "striped", 1: "plain", 2: "striped", 3: "plain"}, config=config)
    assert found.names == ["striped", "plain"] * 4
    assert found.table["slice"] == list(range(8))
    assert found.layer["features"]["index"] == list(range(1, 9))
    assert [found.labels[t].max() for t in range(8)] == list(range(1, 9))


def test_an_object_of_several_slices_is_one_item(model, drawn):
    image = np.stack([4000 * drawn.image] * 2).astype(np.uint16)
    twice = measured(model, ae.read(image, axes="TYX"), np.stack([drawn.numbers] * 2))
    once = measured(model, ae.read(image[0], axes="YX"), drawn.numbers)
    assert twice.index.tolist() == once.index.tolist()
    assert (twice.size == 2 * once.size).all()
    np.testing.assert_allclose(twice.values, once.values, atol=1e-3)


def test_pixels_without_a_value_do_not_count(model, drawn):
    image = (4000 * drawn.image).astype(np.float32)
    image[:40] = np.nan
    found = measured(model, ae.read(image, axes="YX"), drawn.numbers)
    assert set(found.index) == set(np.unique(drawn.numbers[40:])) - {0}
    assert np.isfinite(found.values).all()


def test_examples_of_several_images_are_held_back_image_by_image(model, stack, drawn):
    both = ae.read([stack.image.sources[0].array] * 2, axes="YX")
    twins = measured(model, both, [drawn.numbers] * 2)
    taught = Classifier.taught(model, twins, twins.named([drawn.types] * 2)).checked()
    assert taught.quality.by_image
    assert "in images held back" in taught.sentence
    apart = [dict.fromkeys(drawn.types, name) for name in ("first", "second")]
    told = Classifier.taught(model, twins, twins.named(apart)).checked().quality
    assert not told.by_image
    assert any("one image only" in warning for warning in told.warnings)


def test_it_warns_of_chance_of_overfitting_and_of_too_few_examples(model, items, drawn):
    rng = np.random.default_rng(1)
    noise = replace(items, values=rng.normal(size=items.values.shape).astype(np.float32))
    told = Classifier.taught(model, noise, noise.named(drawn.types)).checked().quality
    assert told.known == 1
    assert any(word in told.warnings[0] for word in ("overfits", "no better"))
    few = items.named(dict(list(drawn.types.items())[:3]))
    told = Classifier.taught(model, items, few).checked()
    assert told.quality.accuracy is None
    assert "not known" in told.sentence
    assert "Too few examples" in told.quality.warnings[0]


def test_what_is_improbable_gets_no_class(model, items, some, stack, drawn):
    config = ae.ClassificationConfig(min_probability=0.95)
    found = Classifier.taught(model, items, some, config).recognise(items, stack, drawn.numbers)
    unsure = found.probabilities.max(1) < 0.95
    assert unsure.any()
    assert (found.chosen[unsure] == 0).all()
    assert found.sentence.endswith(f"{unsure.sum()} without a class")


def test_further_examples_are_added_to_those_of_before(model, items, some):
    first = Classifier.taught(model, items, some)
    third = ["" if name else "other" for name in some]
    both = Classifier.taught(model, items, third, before=first)
    assert both.classes == ("coarse", "fine", "other")
    assert len(both.examples) == len(items)
    assert len(np.unique(both.examples.group)) == 2


def test_the_table_is_written_with_all_that_was_measured(model, items, some, stack, drawn, tmp_path):
    found = Classifier.taught(model, items, some).recognise(items, stack, drawn.numbers, some)
    found.to_csv(tmp_path / "t.csv", features=True)
    with (tmp_path / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == found.names
    assert float(rows[5]["shape: size"]) == pytest.approx(
        items.values[5, items.features.index("shape: size")], rel=1e-4
    )


def test_what_does_not_fit_is_said_in_one_sentence(stack, drawn, model, items, some, pictures):
    with pytest.raises(ValueError, match=r"shape \(384, 383\)"):
        ae.classify(stack, {}, drawn.numbers[:, 1:], model=model)
    with pytest.raises(ValueError, match="has no object 9999"):
        ae.classify(stack, {9999: "fine"}, drawn.numbers, model=model)
    with pytest.raises(ValueError, match="two or more, got fine"):
        ae.classify(stack, {int(items.index[0]): "fine"}, drawn.numbers, model=model)
    with pytest.raises(TypeError, match="whole numbers"):
        ae.classify(stack, {}, drawn.image, model=model)
    with pytest.raises(ValueError, match="no object"):
        ae.classify(stack, {}, np.zeros_like(drawn.numbers), model=model)
    with pytest.raises(ValueError, match="tells objects apart, got images"):
        Classifier.taught(model, items, some).apply(stack)
