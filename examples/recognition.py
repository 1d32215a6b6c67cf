"""Recognition: what the encoder says of a patch teaches a small network which of five textures it is of.

Half of the patches are held back. The table has the accuracy and the loss on both halves over the epochs: where the
loss of those held back is least, learning goes on to overfitting. Then it says by which latents the textures are told
apart: those whose shuffling among the held-back patches costs most accuracy.

    python examples/recognition.py
"""

from __future__ import annotations

import sys

import numpy as np
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

import napari_ae_seg as ae

SIDE = 24
"""Side of a patch in pixels."""
EPOCHS = (1, 2, 5, 10, 20, 50, 100, 200)


def main(short: bool = False) -> tuple[ae.Table, str]:
    """The table, and what follows from it; `short` looks at fewer patches and for fewer epochs."""
    x, y = patches(160 if short else 600)
    half = len(x) // 2
    learnt, held = slice(0, half), slice(half, None)
    middle, spread = x[learnt].mean(0), x[learnt].std(0) + 1e-6
    x = (x - middle) / spread
    network = MLPClassifier((64,), learning_rate_init=3e-3, alpha=0, random_state=1)
    rows, done, classes = [], 0, np.unique(y)
    for epochs in EPOCHS[: 5 if short else None]:
        for _ in range(epochs - done):
            network.partial_fit(x[learnt], y[learnt], classes=classes)
        done = epochs
        rows.append(
            {
                "epochs": [epochs],
                "learnt": [round(float(network.score(x[learnt], y[learnt])), 3)],
                "held back": [round(float(network.score(x[held], y[held])), 3)],
                "loss learnt": [round(float(log_loss(y[learnt], network.predict_proba(x[learnt]), labels=classes)), 3)],
                "loss held back": [round(float(log_loss(y[held], network.predict_proba(x[held]), labels=classes)), 3)],
            }
        )
    table = ae.Table.stacked(rows)
    best = table["epochs"][int(np.argmin(table["loss held back"]))]
    after = "later ones overfit" if best < table["epochs"][-1] else "no overfitting yet"
    said = f"The loss held back is least after {best} epochs: {after}."
    return table, f"{said}\n{explained(network, x[held], y[held])}"


def patches(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of the latents of `count` patches within one texture, (count, F), and which texture, (count,)."""
    sample = ae.samples.draw("textures")
    z = ae.encode(ae.Autoencoder.shipped(2), sample.image)
    rng, found, kinds = np.random.default_rng(0), [], []
    while len(found) < count:
        top, left = rng.integers(0, np.array(sample.image.shape) - SIDE)
        inside = sample.truth[top : top + SIDE, left : left + SIDE]
        if (inside == inside[0, 0]).all():
            step = z.stride
            part = z.array[0][:, top // step : (top + SIDE) // step, left // step : (left + SIDE) // step]
            found.append(np.concatenate([part.mean((1, 2)), part.std((1, 2))]))
            kinds.append(int(inside[0, 0]))
    return np.stack(found), np.array(kinds)


def explained(network: MLPClassifier, x: np.ndarray, y: np.ndarray) -> str:
    """One sentence on the latents that the recognition rests on."""
    rng, whole = np.random.default_rng(0), network.score(x, y)
    costs = []
    for column in range(x.shape[1]):
        shuffled = x.copy()
        shuffled[:, column] = rng.permutation(shuffled[:, column])
        costs.append(whole - network.score(shuffled, y))
    most, count = np.argsort(costs)[::-1][:3], x.shape[1] // 2
    words = [f"{'mean' if i < count else 'spread'} of z{i % count} (-{costs[i]:.3f})" for i in most]
    return f"It rests most on the {', the '.join(words)}."


if __name__ == "__main__":
    found, said = main("--short" in sys.argv)
    print(found)
    print(said)
