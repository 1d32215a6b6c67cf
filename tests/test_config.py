"""Configurations: `help` lists every field, and one that stands in another's place is told where it belongs."""

from __future__ import annotations

import inspect

import pytest

import napari_ae_seg as ae
from napari_ae_seg import config as configs
from napari_ae_seg.config import Config

KINDS = [kind for kind in vars(configs).values() if isinstance(kind, type) and issubclass(kind, Config)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Config], ids=lambda kind: kind.__name__)
def test_help_lists_every_field_with_range_default_and_words(kind):
    text = inspect.getdoc(kind)
    for name, field in kind.model_fields.items():
        assert f"\n{name} : {configs.admitted(field)}, default {field.default!r}\n    {field.description}" in text


def test_ranges_are_told_in_words():
    fields = ae.TrainingConfig.model_fields
    assert configs.admitted(fields["validation"]) == "float from 0 to 0.5"
    assert configs.admitted(fields["masked_share"]) == "float from 0 and below 1"
    assert configs.admitted(fields["learning_rate"]) == "float from 0 to 10"
    assert configs.admitted(fields["flips"]) == "bool"


@pytest.mark.parametrize(
    ("wanted", "given", "advice"),
    [
        (ae.TrainingConfig, ae.NetworkConfig(), "network=..."),
        (ae.NetworkConfig, ae.TrainingConfig(), "training=..."),
        (ae.TrainingConfig, ae.SegmentationConfig(), "config=..."),
        (ae.TrainingConfig, 200, r"ae\.TrainingConfig\(...\)"),
    ],
)
def test_a_configuration_in_the_wrong_place_is_told_where_it_belongs(wanted, given, advice):
    with pytest.raises(TypeError, match=advice):
        wanted.of(given)
