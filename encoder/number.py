"""Fits the rule that chooses the number of clusters: `python -m encoder.number encoder/runs/measured.json`.

A small model of the figures of every number (`clustering/number.py`), on scenes held back from training
(`encoder.measure`), and on groups of points that are plainly apart. Right is what scores best against the truth; a
number that scores almost as well is almost as right. Noise and single classes teach when one segment is the answer.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_ae_seg.clustering.number import FAR, compared, evidence, probabilities

from .choose import write

FOLDS = 5
ALIKE = 0.03
"""Difference of scores that makes a number e times less right."""
DECAY = 0.01
HIDDEN = 8
REWARD = 1.5
"""What the score expected under the probabilities counts beside their likelihood."""
ONE_CLASS = 1


def _material(rows: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Figures (n, most, 11), what is right (n, most), and the score (n, most) of every number."""
    figures, right, scores = [], [], []
    for row in rows:
        for one in row["numbers"].values():
            figures.append(one["figures"])
            score = np.array(one["scores"])
            if row["k"] == ONE_CLASS:
                score = np.eye(len(score))[0]
            else:
                score[0] = 0.0  # one segment is no answer where there are classes, whatever it scores
            scores.append(score)
            right.append(np.exp((score - score.max()) / ALIKE))
    share = np.array(right)
    return np.array(figures), share / share.sum(1, keepdims=True), np.array(scores)


def _groups(count: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Figures, and what is right, of round groups of points that are clearly apart: of them the number is plain."""
    figures, right = [], []
    for i in range(count):
        rng, k = np.random.default_rng((7, i)), 1 + i % 6
        d = int(rng.integers(2, 12))
        centers = np.zeros((1, d))
        while len(centers) < k:
            new = rng.uniform(-12, 12, d)
            if np.linalg.norm(centers - new, axis=1).min() > 7:
                centers = np.concatenate([centers, new[None]])
        which = rng.choice(k, 1500, p=rng.dirichlet(np.full(k, 8.0)))
        x = torch.from_numpy((centers[which] + rng.normal(size=(1500, d))).astype(np.float32))
        figures.append(evidence(x - x.mean(0), 10))
        right.append(np.eye(10)[k - 1])
    return np.array(figures), np.array(right)


def fitted(figures: np.ndarray, right: np.ndarray, scores: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
    """Mean and scale of the figures, and the networks that judge a number, and one cluster."""
    figures = compared(figures)
    flat = figures[:, 1:].reshape(-1, figures.shape[2])
    mean, scale = flat.mean(0), np.maximum(flat.std(0), 1e-3)
    z = torch.tensor(((figures - mean) / scale).clip(-FAR, FAR))
    target, gained, weight = torch.tensor(right), torch.tensor(scores), torch.tensor(weight / weight.sum())
    torch.manual_seed(0)
    many, one = (
        [0.2 * torch.randn(size, dtype=torch.double) for size in ((z.shape[2], HIDDEN), (HIDDEN,), (HIDDEN,), ())]
        for _ in range(2)
    )
    for part in (*many, *one):
        part.requires_grad_(True)
    optimizer = torch.optim.LBFGS([*many, *one], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logits = torch.cat([_judged(z[:, 1], one)[:, None], _judged(z, many)[:, 1:]], 1)
        chances = logits.log_softmax(1)
        wrong = -(target * chances).sum(1) - REWARD * (chances.exp() * gained).sum(1)
        loss = (weight * wrong).sum() + DECAY * sum((p.square().sum() for p in (*many, *one)), torch.zeros(()))
        loss.backward()
        return loss

    optimizer.step(closure)
    names = ("weights", "bias", "out", "last")
    judges = {
        name: {key: part.detach().numpy().round(4).tolist() for key, part in zip(names, parts, strict=True)}
        for name, parts in (("number", many), ("one", one))
    }
    return {"mean": mean.round(4).tolist(), "scale": scale.round(4).tolist(), **judges}


def _judged(z: torch.Tensor, parts: list[torch.Tensor]) -> torch.Tensor:
    return torch.tanh(z @ parts[0] + parts[1]) @ parts[2] + parts[3]


def main() -> None:
    """Fits, says what it is worth, and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path, nargs="+")
    args = parser.parse_args()
    rows = [row for path in args.measured for row in json.loads(path.read_text())]
    figures, right, scores = _material(rows)
    single = scores[:, 1:].max(1) == 0
    weight = np.ones(len(figures))
    fold = np.repeat(np.arange(len(rows)), [len(row["numbers"]) for row in rows]) % FOLDS  # a scene is in one
    picked = np.zeros(len(figures), int)
    for f in range(FOLDS):
        rule = fitted(figures[fold != f], right[fold != f], scores[fold != f], weight[fold != f])
        picked[fold == f] = [int(probabilities(one, rule).argmax()) for one in figures[fold == f]]
    true = np.array([row["k"] - 1 for row in rows for _ in row["numbers"]])
    at = np.arange(len(figures))
    many = ~single
    print(
        f"{many.sum()} scenes of classes: score with the number found {scores[at, picked][many].mean():.3f}, ", end=""
    )
    print(f"given {scores[at, true][many].mean():.3f}, two always {scores[many, 1].mean():.3f}")
    print(f"right {np.mean(picked[many] == true[many]):.2f}, within one {np.mean(abs(picked - true)[many] <= 1):.2f}")
    found, wrong = np.mean(picked[single] == 0), np.mean(picked[many] == 0)
    print(f"{single.sum()} of one class: one segment {found:.2f}; wrongly {wrong:.2f}")
    groups, plain = _groups()
    figures, right = np.concatenate([figures, groups]), np.concatenate([right, plain])
    scores, weight = np.concatenate([scores, plain]), np.append(weight, np.full(len(groups), 0.5))
    write("number", fitted(figures, right, scores, weight))


if __name__ == "__main__":
    main()
