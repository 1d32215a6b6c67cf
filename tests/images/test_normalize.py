"""The normaliser: any numbers in, harmless ones out, and back."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_ae_seg.core import state
from napari_ae_seg.images.normalize import Normalizer
from napari_ae_seg.images.sample import Block, sample_blocks
from napari_ae_seg.images.stack import read


def block(data):
    data = np.asarray(data, np.float32)
    return Block(0, 0, (0,) * (data.ndim - 1), data, np.isfinite(data).all(axis=0))


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 6))), st.sampled_from([0, 3]))
def test_whatever_goes_in_finite_numbers_come_out(data, mix_to):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = block(data)
        if not one.valid.any():
            with pytest.raises(ValueError, match="no finite value"):
                Normalizer.fit([one])
            return
        normalizer = Normalizer.fit([one], mix_to=mix_to)
        out = normalizer.apply(data)
        assert out.shape == (mix_to or len(data), *data.shape[1:])
        assert out.dtype == np.float32
        assert np.isfinite(out).all()
        unit = normalizer.unit(data)
        assert ((unit >= 0) & (unit <= 1)).all()


@settings(max_examples=30, deadline=None)
@given(arrays(np.float32, (2, 4, 5), elements=st.floats(-1e4, 1e4, width=32)), st.floats(0, 10), st.floats(90, 100))
def test_inverting_gives_the_values_back_up_to_the_clipping(data, low, high):
    normalizer = Normalizer.fit([block(data)], low, high)
    clipped = np.clip(data, normalizer.low[:, None, None], normalizer.high[:, None, None])
    span = (normalizer.high - normalizer.low).max()
    assert np.abs(normalizer.invert(normalizer.apply(data)) - clipped).max() <= 1e-4 * max(span, np.abs(data).max(), 1)


def test_percentiles_are_of_the_whole_stack_not_of_a_slice():
    volume = np.arange(10)[:, None, None] * np.ones((10, 4, 4))
    normalizer = Normalizer.fit(sample_blocks(read(volume, ndim=2)), low=0, high=100)
    assert (normalizer.low.tolist(), normalizer.high.tolist()) == ([0], [9])
    assert normalizer.unit(np.full((1, 4, 4), 3, np.float32))[0, 0, 0] == pytest.approx(1 / 3)


def test_the_result_has_mean_0_per_channel_and_deviation_1_over_all():
    data = np.random.default_rng(0).gamma(2, size=(3, 40, 40)) * np.array([1, 10, 100])[:, None, None]
    out = Normalizer.fit([block(data)]).apply(data.astype("f4"))
    assert np.allclose(out.mean(axis=(1, 2)), 0, atol=1e-4)
    assert out.std() == pytest.approx(1, abs=1e-3)


def test_values_at_both_ends_of_float32_are_kept_apart():
    data = np.array([[[-3e38, 0, 3e38]]], np.float32)
    normalizer = Normalizer.fit([block(data)], low=0, high=100)
    assert normalizer.unit(data)[0, 0].tolist() == [0, 0.5, 1]


def test_nan_and_inf_are_left_out_and_become_0():
    data = np.ones((2, 4, 4))
    data[0, 1, 1], data[1, 2, 2], data[0, 0, 0] = np.nan, np.inf, 5
    normalizer = Normalizer.fit([block(data)], low=0, high=100)
    assert normalizer.high.tolist() == [5, 1]
    out = normalizer.apply(data.astype("f4"))
    assert (out[0, 1, 1], out[1, 2, 2]) == (0, 0)
    assert np.argwhere(~normalizer.valid(data)).tolist() == [[1, 1], [2, 2]]


def test_rare_bright_pixels_are_not_lost_when_both_percentiles_coincide():
    data = np.zeros((1, 100, 100))
    data[0, 3, 3] = 7
    assert Normalizer.fit([block(data)]).unit(data.astype("f4"))[0, 3, 3] == 1


def test_any_number_of_channels_is_brought_to_three():
    rng = np.random.default_rng(0)
    one, two = rng.random((1, 9, 9)).astype("f4"), rng.random((2, 9, 9)).astype("f4")
    assert np.ptp(Normalizer.fit([block(one)], mix_to=3).apply(one), axis=0).max() == 0
    out = Normalizer.fit([block(two)], mix_to=3).apply(two)
    assert np.allclose(out[2], out[:2].mean(axis=0), atol=1e-6)
    base = rng.random((3, 30, 30))
    six = np.concatenate([base, base * 2 + 1]).astype("f4")
    normalizer = Normalizer.fit([block(six)], low=0, high=100, mix_to=3)
    assert np.allclose(normalizer.invert(normalizer.apply(six)), six, atol=0.01)  # six channels, three different ones
    assert np.array_equal(normalizer.mix, Normalizer.fit([block(six)], low=0, high=100, mix_to=3).mix)


def test_a_wrong_number_of_channels_is_named():
    normalizer = Normalizer.fit([block(np.random.default_rng(0).random((2, 4, 4)))])
    with pytest.raises(ValueError, match="fitted to 2 channels, the image has 3"):
        normalizer.apply(np.zeros((3, 4, 4), np.float32))


@pytest.mark.parametrize("mix_to", [0, 3])
def test_its_state_makes_the_same_normalizer(mix_to):
    data = np.random.default_rng(0).random((4, 9, 9)).astype("f4")
    normalizer = Normalizer.fit([block(data)], mix_to=mix_to)
    again = state.unpack(Normalizer, *state.pack(normalizer))
    assert np.array_equal(again.apply(data), normalizer.apply(data))
