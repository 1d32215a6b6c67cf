"""Another value of a field, once clusters were found, does the same in Python, on the command line and in the dock."""

from __future__ import annotations

from typing import Literal, get_args, get_origin

import numpy as np
import pytest
import typer
from pydantic.fields import FieldInfo

import napari_ae_seg as ae
from napari_ae_seg.cli.segment import refuse
from napari_ae_seg.config import (
    ClassificationConfig,
    Config,
    ObjectsConfig,
    SegmentationConfig,
    flag_of,
    matters,
    shown,
    stage_of,
)

FIELDS = SegmentationConfig.model_fields
NUMBERS = {"seed": 1, "threads": 1, "smoothing": 3.0, "n_clusters": 4, "granularity": 2}
CHOICES = {"device": "cpu", "method": "gmm", "features": "texture"}
ALL = (
    ae.NetworkConfig,
    ae.TrainingConfig,
    SegmentationConfig,
    ObjectsConfig,
    ae.TrackingConfig,
    ae.PhenotypeConfig,
    ClassificationConfig,
)


def another(name: str, field: FieldInfo):
    """A value of a field that is not its default."""
    if name in NUMBERS | CHOICES:
        return (NUMBERS | CHOICES)[name]
    if get_origin(field.annotation) is Literal:
        return next(value for value in reversed(get_args(field.annotation)) if value != field.default)
    return (not field.default) if field.annotation is bool else field.default + 200


def changed(name: str, config: SegmentationConfig) -> SegmentationConfig:
    field = FIELDS[name]
    try:
        return config.but(**{name: another(name, field)})
    except ValueError:  # beyond the range
        return config.but(**{name: field.default + 1})


@pytest.fixture(scope="module")
def stack():
    image = np.random.default_rng(0).normal(0, 0.1, (48, 48)).astype(np.float32)
    image[12:36, 12:36] += 1
    return ae.read(image)


@pytest.fixture(scope="module")
def fitted(stack):
    return ae.Segmenter.fit(None, stack, SegmentationConfig(max_samples=500))


@pytest.mark.parametrize("name", FIELDS)
def test_python_applies_clusters_anew_or_refuses_as_the_stage_says(fitted, name):
    config = changed(name, fitted.config)
    stage = fitted.config.change(config).stages[name]
    change = {name: getattr(config, name)}
    if stage == "encode":
        with pytest.raises(ValueError, match=rf"{name}=.* needs other features .*Segmenter\.fit\("):
            fitted.recluster(**change)
    else:
        found = fitted.recluster(**change)
        assert getattr(found.config, name) == change[name]
        assert (found.clusters is fitted.clusters) == (stage != "fit")


@pytest.mark.parametrize("name", FIELDS)
def test_the_command_line_applies_or_refuses_as_the_stage_says(fitted, name):
    config = changed(name, fitted.config)
    asked = {name: getattr(config, name)}
    if fitted.config.change(config).anew:
        with pytest.raises(typer.BadParameter) as told:
            refuse(fitted.config, asked, "m.aeseg")
        assert told.value.message == (
            f"{flag_of(name)} would cluster anew, but m.aeseg holds clusters: "
            f"add --refit to do so, or leave {flag_of(name)} out"
        )
    else:
        refuse(fitted.config, asked, "m.aeseg")


@pytest.mark.parametrize(
    ("before", "after", "stages"),
    [
        ({}, {"method": "gmm"}, {"method": "fit"}),
        ({}, {"method": "joint"}, {"method": "encode"}),
        ({"method": "regions"}, {"method": "kmeans"}, {"method": "encode"}),
        ({"method": "joint"}, {"refine_steps": 5}, {"refine_steps": "encode"}),
        ({}, {"refine_steps": 5}, {"refine_steps": "finish"}),
        ({"method": "kmeans"}, {"covariance_type": "diag"}, {"covariance_type": "finish"}),
        ({"method": "gmm"}, {"covariance_type": "diag"}, {"covariance_type": "fit"}),
        ({"n_clusters": 3}, {"max_clusters": 7}, {"max_clusters": "finish"}),
        ({"n_clusters": 3}, {"n_clusters": 0}, {"n_clusters": "fit"}),
        ({"method": "regions", "n_clusters": 3}, {"n_clusters": 4}, {"n_clusters": "fit"}),
        ({"method": "regions", "n_clusters": 3}, {"n_clusters": 0}, {"n_clusters": "encode"}),
        ({"method": "regions", "features": "texture"}, {"n_clusters": 3}, {"n_clusters": "fit"}),
        ({}, {"seed": 3, "device": "cpu"}, {"seed": "fit", "device": "apply"}),
    ],
)
def test_what_a_change_calls_for_depends_on_what_it_matters_for(before, after, stages):
    own = SegmentationConfig(**before)
    assert own.change(own.but(**after)).stages == stages


def test_a_seed_that_is_the_same_is_no_wish_for_other_clusters():
    refuse(SegmentationConfig(seed=2), {"seed": 2, "device": "cpu"}, "m.aeseg")
    with pytest.raises(typer.BadParameter, match="--seed"):
        refuse(SegmentationConfig(seed=2), {"seed": 3}, "m.aeseg")


@pytest.mark.parametrize("config", ALL, ids=lambda config: config.__name__)
def test_every_field_has_its_words(config: type[Config]):
    for name, field in config.model_fields.items():
        words = shown(config, name)
        assert words.label[0].isupper()
        assert field.description
        assert stage_of(config, name)
        if get_origin(field.annotation) is Literal:
            assert set(words.choices) <= set(get_args(field.annotation))


@pytest.mark.parametrize("config", ALL, ids=lambda config: config.__name__)
def test_what_a_field_depends_on_is_a_field_with_such_values(config: type[Config]):
    fields = {**ae.NetworkConfig.model_fields, **config.model_fields}
    for name in config.model_fields:
        for other, values in (pair for case in shown(config, name).cases for pair in case.items()):
            assert all(type(value) is type(fields[other].default) for value in values)
            if get_origin(fields[other].annotation) is Literal:
                assert set(values) <= set(get_args(fields[other].annotation))


def test_a_field_matters_only_where_it_has_an_effect():
    assert matters(ae.NetworkConfig, "up", {"kind": "conv", "down": "max"})
    assert not matters(ae.NetworkConfig, "up", {"kind": "dense", "down": "max"})
    assert matters(ae.TrainingConfig, "beta", {"sparsity": "l1"})
    assert not matters(ae.TrainingConfig, "beta", {"sparsity": "topk"})
    for kind, ndim, hides in (("shipped", 0, False), ("shipped", 3, True), ("conv", 2, True), ("unet", 0, True)):
        values = {"corruption": "auto", "kind": kind, "ndim": ndim}
        assert matters(ae.TrainingConfig, "masked_block", values) == hides
        assert matters(ae.TrainingConfig, "noise", values) != hides
    assert matters(ae.TrainingConfig, "masked_block", {"corruption": "masked", "kind": "shipped"})
