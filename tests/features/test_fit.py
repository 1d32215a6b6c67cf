import json
import math

import pytest
import torch

from napari_ae_seg.autoencoder.maps import Maps
from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.core import state
from napari_ae_seg.features.fit import SPACES, fit_space, grid_of
from napari_ae_seg.features.space import FeatureSpace
from napari_ae_seg.features.tone import Tone

STRIDES, CHANNELS = [1, 2, 4, 8, 8], [3, 4, 6, 8, 5]


def maps_of(raw, valid=None, seed=0):
    """Maps of `raw` (C, *space) whose levels mix it at random at several scales, as a network does."""
    rng = torch.Generator().manual_seed(seed)
    space = raw.shape[1:]
    filled = torch.nan_to_num(raw, nan=0.0)
    levels = []
    for stride, channels in zip(STRIDES, CHANNELS, strict=True):
        small = filled[(slice(None), *(slice(None, None, stride) for _ in space))]
        mix = torch.randn(channels, len(raw), generator=rng)
        levels.append(torch.tanh(torch.tensordot(mix, small, 1)))
    everywhere = torch.ones(space, dtype=torch.bool) if valid is None else valid
    return Maps(raw, levels, STRIDES, everywhere, levels[0], 1)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def fitted(name, maps, stride=0, anisotropy=None):
    return fit_space(SegmentationConfig(features=name, stride=stride), [maps], anisotropy)


def cropped(maps, start, stop):
    """The same maps between corners that are multiples of every stride."""

    def cut(x, stride):
        return x[(..., *(slice(a // stride, -(-b // stride)) for a, b in zip(start, stop, strict=True)))]

    levels = [cut(x, s) for x, s in zip(maps.levels, maps.strides, strict=True)]
    return Maps(cut(maps.raw, 1), levels, maps.strides, cut(maps.valid, 1), cut(maps.decoded, 1), 1)


@pytest.mark.parametrize("name", SPACES)
def test_a_tile_with_its_halo_gives_the_features_of_the_whole_image(name):
    whole = maps_of(noise(2, 205, 190))
    valid = torch.ones(205, 190, dtype=torch.bool)
    valid[90:100, 60:90] = False
    whole = Maps(whole.raw, whole.levels, whole.strides, valid, whole.decoded, 1)
    space = fitted(name, whole, stride=2)
    align = math.lcm(space.align, 8)
    halo = space.halo + -space.halo % align
    core = [(96, 128), (64, 96)]
    start = [max(0, a - halo) for a, _ in core]
    stop = [min(n, b + halo) for (_, b), n in zip(core, (205, 190), strict=True)]
    tile = space.transform(cropped(whole, start, stop))
    inner = tuple(slice((a - s) // 2, (b - s) // 2) for (a, b), s in zip(core, start, strict=True))
    outer = tuple(slice(a // 2, b // 2) for a, b in core)
    expected = space.transform(whole)[(slice(None), *outer)]
    torch.testing.assert_close(tile[(slice(None), *inner)], expected, rtol=1e-4, atol=1e-5)


def test_a_tile_of_an_anisotropic_volume_gives_the_features_of_the_whole():
    whole = maps_of(noise(1, 16, 120, 40))
    space = fitted("texture", whole, stride=1, anisotropy=(4.0, 1.0, 1.0))
    halo = space.halo + -space.halo % 8
    tile = space.transform(cropped(whole, (0, 64 - halo, 0), (16, 72 + halo, 40)))
    torch.testing.assert_close(tile[:, :, halo : halo + 8], space.transform(whole)[:, :, 64:72], rtol=1e-4, atol=1e-5)


def test_corrected_intensities_of_a_tile_are_those_of_the_whole():
    whole = maps_of(noise(1, 360, 16))
    space = fit_space(SegmentationConfig(features="corrected"), [whole])
    align = math.lcm(space.align, 8)
    halo = space.halo + -space.halo % align
    tile = space.transform(cropped(whole, (160 - halo, 0), (192 + halo, 16)))
    inner = slice(halo // space.grid, (halo + 32) // space.grid)
    expected = space.transform(whole)[:, 160 // space.grid : 192 // space.grid]
    torch.testing.assert_close(tile[:, inner], expected, rtol=1e-4, atol=1e-5)


def test_corrected_intensities_stand_out_from_a_sloping_background():
    slope = torch.linspace(0, 3, 200).expand(200, 200).clone()
    slope[:, ::20] += 1
    maps = maps_of(slope[None])
    plain, corrected = fitted("intensity", maps, 1), fitted("corrected", maps, 1)

    def stands_out(space):
        row = space.transform(maps)[0, 100]
        return float((row[40:160:20].mean() - row[50:160:20].mean()) / row[50:160:20].std())

    assert stands_out(corrected) > 2 * stands_out(plain)


@pytest.mark.parametrize("name", SPACES)
def test_a_space_that_went_through_a_file_gives_the_same_features(name):
    maps = maps_of(noise(3, 40, 33))
    space = fitted(name, maps)
    values, arrays = state.pack(space)
    again = state.unpack(FeatureSpace, json.loads(json.dumps(values)), arrays)
    assert again.sentence == space.sentence
    assert torch.equal(again.transform(maps), space.transform(maps))


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize(
    "raw",
    [
        torch.zeros(1, 30, 20),
        noise(2, 1, 1),
        noise(100, 9, 7),
        noise(1, 2, 300),
        noise(1, 3, 4, 5),
        torch.full((1, 12, 12), 1e4),
    ],
    ids=["constant", "one pixel", "100 channels", "a thin line", "a tiny volume", "large and constant"],
)
def test_any_image_has_finite_features(name, raw):
    space = fitted(name, maps_of(raw))
    features = space.transform(maps_of(raw))
    assert features.shape == (space.n_features, *(-(-n // space.grid) for n in raw.shape[1:]))
    assert bool(torch.isfinite(features).all())


@pytest.mark.parametrize("name", SPACES)
def test_what_stands_where_there_is_no_data_changes_nothing_elsewhere(name):
    raw = noise(1, 64, 64)
    valid = torch.ones(64, 64, dtype=torch.bool)
    valid[20:30, 10:40] = False
    base = maps_of(raw, valid)
    broken = raw.clone()
    broken[:, ~valid] = float("nan")
    levels = [x.clone() for x in base.levels]
    levels[0][:, ~valid] = 99.0
    other = Maps(broken, levels, STRIDES, valid, levels[0], 1)
    spaces = [fitted(name, maps) for maps in (base, other)]
    expected, found = (space.transform(maps) for space, maps in zip(spaces, (base, other), strict=True))
    assert bool(torch.isfinite(found).all())
    there = base.cells(spaces[0].grid)
    torch.testing.assert_close(found[:, there], expected[:, there], rtol=1e-3, atol=1e-4)


def test_an_image_without_any_data_has_finite_features():
    maps = maps_of(torch.full((1, 20, 20), float("nan")), torch.zeros(20, 20, dtype=torch.bool))
    assert bool(torch.isfinite(fitted("texture", maps).transform(maps)).all())


def test_texture_features_tell_textures_apart_that_share_their_intensities():
    stripes = torch.arange(96).remainder(4).lt(2).float()
    raw = stripes.expand(96, 96).clone()
    raw[:, 48:] = stripes[:, None].expand(96, 96)[:, 48:]
    raw = (raw + 0.1 * noise(96, 96))[None]
    filters = torch.stack([raw[0].diff(dim=d, append=raw[0].narrow(d, 0, 1)).abs() for d in (0, 1)])
    maps = Maps(raw, [filters], [1], torch.ones(96, 96, dtype=torch.bool))
    texture, intensity = (fitted(name, maps, stride=1).transform(maps) for name in ("texture", "intensity"))

    def contrast(features):
        left, right = features[..., 8:40].flatten(1), features[..., 56:88].flatten(1)
        return float(((left.mean(1) - right.mean(1)) ** 2).sum() / (left.var(1) + right.var(1)).sum())

    assert contrast(texture) > 10 > 0.1 > contrast(intensity)


def test_grid_follows_the_longer_side_unless_told():
    assert [grid_of(SegmentationConfig(), shape) for shape in ((200, 10), (10, 201))] == [1, 2]
    assert grid_of(SegmentationConfig(stride=4), (10, 10)) == 4


def test_unknown_features_are_refused_by_name():
    config = SegmentationConfig(features="auto")
    with pytest.raises(ValueError, match="no features 'auto'; there are intensity, corrected"):
        fit_space(config, [maps_of(noise(1, 8, 8))])


def test_decoder_features_need_the_decoder():
    maps = Maps(noise(1, 16, 16), [noise(2, 16, 16)], [1], torch.ones(16, 16, dtype=torch.bool))
    with pytest.raises(ValueError, match="encode with features='decoder'"):
        fitted("decoder", maps)


def test_the_tone_curve_opens_up_dark_places_of_pictures_and_leaves_volumes_linear():
    ramp = torch.linspace(0, 1, 5)[None, None]
    assert Tone((0.0,), (1.0,))(ramp)[0, 0, 1] > 0.35
    torch.testing.assert_close(Tone((0.0,), (1.0,))(ramp[None]), ramp[None])
