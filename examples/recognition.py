"""Recognition: what the encoder says of a patch teaches a small network which of five textures it is of.

Half of the patches are held back. The first table has the accuracy and the loss on both halves over the epochs: where
the loss of those held back is least, learning goes on to overfitting. The second says how many held-back patches of
each texture are recognised there, and which latents tell it from the others: those whose mean or spread lies farthest
from that of all patches, in standard deviations. Last, which latents raise the loss most when they are shuffled.

The picture has the losses, and for each texture what surrounds its surest patch without noise, as the decoder draws it,
and what the latent that tells most adds to that: the difference to what is drawn where it is at its mean everywhere.

    python -m examples.recognition --picture recognition.png
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

import napari_ae_seg as ae
from napari_ae_seg.report import charts

from .pictures import options, save

SIDE, WINDOW = 8, 64
"""Sides of a patch, and of what is shown around it, in pixels."""
NOISE = 1.5
"""How strong the noise laid over the textures is, beside their own spread: without it there is little to learn."""
EPOCHS = (1, 2, 5, 10, 20, 50, 100, 200)


class Patches(NamedTuple):
    """Patches within one texture each, and what the encoder says of them."""

    x: np.ndarray
    """(count, 2 * latents) mean and spread of each latent."""
    y: np.ndarray
    """(count,) which texture."""
    corner: np.ndarray
    """(count, 2) where they lie."""


def main(short: bool = False, picture: Path | None = None) -> tuple[ae.Table, ae.Table, str]:
    """Both tables and what follows; `short` looks at fewer patches and for fewer epochs."""
    model = ae.Autoencoder.shipped(2)
    given = patches(model, 160 if short else 600)
    y, half = given.y, len(given.x) // 2
    learnt, held = slice(0, half), slice(half, None)
    x = (given.x - given.x[learnt].mean(0)) / (given.x[learnt].std(0) + 1e-6)
    network, best = MLPClassifier((64,), learning_rate_init=3e-3, alpha=0, random_state=1), None
    rows, done, least = [], 0, np.inf
    for epochs in EPOCHS[: 5 if short else None]:
        for _ in range(epochs - done):
            network.partial_fit(x[learnt], y[learnt], classes=np.unique(y))
        done = epochs
        losses = [float(log_loss(y[part], network.predict_proba(x[part]))) for part in (learnt, held)]
        if losses[1] < least:
            least, best = losses[1], copy.deepcopy(network)
        rows.append(
            {
                "epochs": [epochs],
                "learnt": [round(float(network.score(x[learnt], y[learnt])), 3)],
                "held back": [round(float(network.score(x[held], y[held])), 3)],
                "loss learnt": [round(losses[0], 3)],
                "loss held back": [round(losses[1], 3)],
            }
        )
    table = ae.Table.stacked(rows)
    turn = int(np.argmin(table["loss held back"]))
    after = "later ones overfit" if turn < len(rows) - 1 else "no overfitting yet"
    said = (
        f"The loss held back is least after {table['epochs'][turn]} epochs: {after}. "
        f"There {table['held back'][turn]:.1%} of the patches held back are recognised.\n"
        f"{resting(best, x[held], y[held])}"
    )
    kinds = told_apart(best, x[held], y[held])
    if picture:
        curves = {
            name: list(zip(table["epochs"], table[name], strict=True)) for name in ("loss learnt", "loss held back")
        }
        drawn = charts.lines(curves, "epochs", "", mark=(table["epochs"][turn], table["loss held back"][turn]))
        sure = best.predict_proba(x[held])
        seen = [half + int(np.argmax(sure[:, k] * (y[held] == kind))) for k, kind in enumerate(np.unique(y))]
        save(
            picture,
            {"textures": noisy()[0], "loss over epochs, least where circled": drawn},
            *faces(model, given, x, seen),
        )
    return table, kinds, said


def noisy() -> tuple[np.ndarray, np.ndarray]:
    """The sample `textures` under noise, and which texture lies where."""
    sample = ae.samples.draw("textures")
    noise = np.random.default_rng(1).normal(0, NOISE * sample.image.std(), sample.image.shape)
    return (sample.image + noise).astype(np.float32), sample.truth


def patches(model: ae.Autoencoder, count: int) -> Patches:
    """`count` patches at random places."""
    image, truth = noisy()
    z = ae.encode(model, image)
    step = z.stride
    rng, x, y, corners = np.random.default_rng(0), [], [], []
    while len(x) < count:
        top, left = step * (rng.integers(0, np.array(image.shape) - SIDE) // step)
        inside = truth[top : top + SIDE, left : left + SIDE]
        if (inside == inside[0, 0]).all():
            part = z.array[0][:, top // step : (top + SIDE) // step, left // step : (left + SIDE) // step]
            x.append(np.concatenate([part.mean((1, 2)), part.std((1, 2))]))
            y.append(int(inside[0, 0]))
            corners.append((top, left))
    return Patches(np.stack(x), np.array(y), np.array(corners))


def told_apart(network: MLPClassifier, x: np.ndarray, y: np.ndarray) -> ae.Table:
    """Per texture how many of its patches are recognised, and the three latents that tell it from the others."""
    found, rows = network.predict(x), []
    for kind in np.unique(y):
        middle = x[y == kind].mean(0)
        most = np.argsort(-np.abs(middle))[:3]
        told = ", ".join(f"{_name(column, x.shape[1] // 2)} {middle[column]:+.1f}" for column in most)
        right = round(float((found[y == kind] == kind).mean()), 3)
        rows.append({"texture": [int(kind)], "recognised": [right], "told apart by": [told]})
    return ae.Table.stacked(rows)


def resting(network: MLPClassifier, x: np.ndarray, y: np.ndarray) -> str:
    """One sentence on the latents that the recognition rests on."""
    rng, whole = np.random.default_rng(0), log_loss(y, network.predict_proba(x))
    costs = []
    for column in range(x.shape[1]):
        shuffled = x.copy()
        shuffled[:, column] = rng.permutation(shuffled[:, column])
        costs.append(float(log_loss(y, network.predict_proba(shuffled)) - whole))
    words = [f"{_name(column, x.shape[1] // 2)} (+{costs[column]:.2f})" for column in np.argsort(costs)[::-1][:3]]
    return f"It rests most on the {', the '.join(words)}."


def faces(model: ae.Autoencoder, given: Patches, x: np.ndarray, seen: list[int]) -> list[dict[str, np.ndarray]]:
    """Rows of pictures around the patches `seen`: without noise, redrawn, and what the most telling latent adds."""
    clean = ae.samples.draw("textures").image
    z = ae.encode(model, clean).array
    count, drawn = z.shape[1], ae.decode(model, z)[0, 0]
    rows: list[dict[str, np.ndarray]] = [{}, {}, {}]
    for number in seen:
        kind = int(given.y[number])
        latent = int(np.argmax(np.abs(x[given.y == kind].mean(0)[:count])))
        without = z.copy()
        without[0, latent] = z[0, latent].mean()
        top, left = np.clip(given.corner[number] - (WINDOW - SIDE) // 2, 0, np.array(clean.shape) - WINDOW)
        window = (slice(top, top + WINDOW), slice(left, left + WINDOW))
        rows[0][f"texture {kind}"] = clean[window]
        rows[1][f"redrawn, {kind}"] = drawn[window]
        rows[2][f"what z{latent} adds, {kind}"] = (drawn - ae.decode(model, without)[0, 0])[window]
    return rows


def _name(column: int, latents: int) -> str:
    return f"{'mean' if column < latents else 'spread'} of z{column % latents}"


if __name__ == "__main__":
    asked = options(__doc__)
    for part in main(asked.short, asked.picture):
        print(part, end="\n\n")
