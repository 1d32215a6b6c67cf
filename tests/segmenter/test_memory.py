"""Where memory runs out, smaller blocks give the same labels, or a sentence says what would fit."""

import numpy as np
import pytest

import napari_ae_seg as ae


class Narrow:
    """An array of which only so many values can be had at once."""

    def __init__(self, values, most):
        self.values, self.most = values, most
        self.shape, self.dtype, self.ndim = values.shape, values.dtype, values.ndim

    def __getitem__(self, index):
        part = self.values[index]
        if part.size > self.most:
            raise MemoryError
        return part


@pytest.fixture(scope="module")
def bands():
    rng = np.random.default_rng(0)
    return (np.arange(320) // 80 * np.ones((320, 1)) + rng.normal(0, 0.1, (320, 320))).astype(np.float32)


@pytest.fixture(scope="module")
def segmenter(bands):
    config = ae.SegmentationConfig(n_clusters=4, features="intensity", sharpen=False)
    model = ae.train(bands[:128], ae.TrainingConfig(steps=1), ae.NetworkConfig(width=4, levels=2, latents=4))
    return ae.Segmenter.fit(model, bands[:128], config)


def narrow(bands, most):
    stack = ae.read(bands, axes="YX")
    object.__setattr__(stack.images[0].sources[0], "array", Narrow(bands, most))
    return stack


@pytest.mark.filterwarnings("ignore::napari_ae_seg.core.errors.AssumptionWarning")
def test_an_image_that_does_not_fit_is_labelled_in_smaller_blocks(segmenter, bands):
    found = segmenter.apply(narrow(bands, 250 * 250))
    np.testing.assert_array_equal(found.labels, segmenter.apply(bands).labels)


@pytest.mark.filterwarnings("ignore::napari_ae_seg.core.errors.AssumptionWarning")
def test_a_block_of_a_job_that_does_not_fit_is_labelled_in_smaller_ones(segmenter, bands, tmp_path):
    found = segmenter.apply(narrow(bands, 250 * 250), out=tmp_path / "l.zarr")
    np.testing.assert_array_equal(found.labels[:], segmenter.apply(bands).labels)


def test_it_says_that_it_goes_on_with_blocks(segmenter, bands):
    with pytest.warns(ae.AssumptionWarning, match="memory ran out") as told:
        segmenter.apply(narrow(bands, 250 * 250))
    assert len({str(one.message) for one in told}) == len(told)


@pytest.mark.filterwarnings("ignore::napari_ae_seg.core.errors.AssumptionWarning")
def test_where_nothing_fits_one_sentence_says_what_would(segmenter, bands):
    with pytest.raises(ae.OutOfMemoryError, match=r"image: there is too little memory to label 320 x 320 .* \.zarr"):
        segmenter.apply(narrow(bands, 70 * 70))
