import subprocess
import sys

import pytest
import torch

from napari_ae_seg.autoencoder.training.optimizers import OPTIMIZERS

REFERENCE = {
    "adamw": lambda weights: torch.optim.AdamW(weights, lr=0.01, weight_decay=0.1),
    "adam": lambda weights: torch.optim.Adam(weights, lr=0.01, weight_decay=0.1),
    "sgd": lambda weights: torch.optim.SGD(weights, lr=0.01, weight_decay=0.1, momentum=0.9, nesterov=True),
}


def layers():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(4, 2, 1)).to(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("clip", [0.0, 0.5])
def test_optimizers_do_what_those_of_torch_do(name, clip):
    net, other = layers(), layers()
    own, reference = OPTIMIZERS[name](net.parameters(), 0.1), REFERENCE[name](other.parameters())
    x = torch.randn(2, 3, 8, 8)
    for number in range(5):
        own.forget()
        (net(x * number).square().mean()).backward()
        own.step(0.01, clip)
        reference.zero_grad()
        (other(x * number).square().mean()).backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(other.parameters(), clip)
        reference.step()
    for one, two in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)


def test_training_does_not_load_the_compiler_of_torch():
    code = (
        "import sys, numpy as np, napari_ae_seg as ae\n"
        "ae.train(ae.read(np.eye(20)), ae.TrainingConfig(steps=2, batch=1, patch=8, threads=1))\n"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
