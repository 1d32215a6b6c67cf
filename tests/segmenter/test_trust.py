"""How far clusters can be trusted."""

import numpy as np

import napari_ae_seg as ae
from napari_ae_seg.segmenter.trust import stability, unstable


def test_clear_groups_are_stable_everywhere_and_a_blend_is_not():
    rng = np.random.default_rng(0)
    clear = np.zeros((60, 60), np.float32)
    clear[20:40, 20:40] = 1
    config = ae.SegmentationConfig(n_clusters=2, features="intensity")
    fitted = ae.Segmenter.fit(None, ae.read(clear + 0.05 * rng.normal(size=clear.shape)), config)
    assert stability(fitted) > 0.95
    blend = ae.read(rng.normal(size=(60, 60)).astype(np.float32))
    torn = ae.Segmenter.fit(None, blend, config.but(n_clusters=6))
    assert stability(torn) < stability(fitted)
    where = unstable(torn, torn.prepare(blend))
    assert where.shape == (60, 60)
    assert 0 < where.mean() < 1
