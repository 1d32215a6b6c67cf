"""What every test relies on: one thread, and GPU tests that say why they are skipped."""

import os
import signal

# Before anything imports numpy or torch: the suite shares its machine, and the thread count decides the last bits.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# A shell lets what it runs in the background, and what that starts, ignore Ctrl-C; here it is to work.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not gpu:
        return
    import torch

    if not torch.cuda.is_available():
        for item in gpu:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA GPU, and torch finds none here"))


@pytest.fixture(scope="session")
def stack():
    """The scene as the package reads it."""
    import napari_ae_seg as ae

    from .scenes import scene

    return ae.read(scene())


@pytest.fixture(scope="session")
def model(stack):
    """An autoencoder that saw the scene for a moment."""
    import napari_ae_seg as ae

    return ae.train(stack, ae.TrainingConfig(steps=3), ae.NetworkConfig(kind="conv"))


@pytest.fixture(scope="session")
def fitted(model, stack):
    """Three clusters."""
    import napari_ae_seg as ae

    return ae.Segmenter.fit(model, stack, ae.SegmentationConfig(n_clusters=3))


@pytest.fixture(scope="session")
def segments(fitted, stack):
    """What they make of the scene."""
    return fitted.apply(stack)
