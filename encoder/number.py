"""Fits the rule that chooses the number of clusters: `python -m encoder.number encoder/runs/measured.json`.

A conditional logistic model of the figures of every number (`clustering/number.py`), on scenes held back from training
(`encoder.measure`), and on groups of points that are plainly apart. Right is what scores best against the truth; a
number that scores almost as well is almost as right. Noise and single classes teach when one segment is the answer.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_ae_seg.clustering.number import compared, evidence, probabilities

from .choose import write

FOLDS = 5
ALIKE = 0.03
"""Difference of scores that makes a number e times less right."""
DECAY = 0.05
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


def fitted(figures: np.ndarray, right: np.ndarray, weight: np.ndarray) -> dict[str, list[float]]:
    """Mean and scale of the figures, weights of a number's figures, and those by which one cluster is judged."""
    figures = compared(figures)
    flat = figures[:, 1:].reshape(-1, figures.shape[2])
    mean, scale = flat.mean(0), np.maximum(flat.std(0), 1e-3)
    z = torch.tensor((figures - mean) / scale)
    target, weight = torch.tensor(right), torch.tensor(weight)
    w = torch.zeros(len(mean), dtype=torch.double, requires_grad=True)
    one = torch.zeros(len(mean) + 1, dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([w, one], max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        scores = z @ w
        first = torch.cat([torch.ones(len(z), 1, dtype=torch.double), z[:, 1]], 1) @ one
        logits = torch.cat([first[:, None], scores[:, 1:]], 1)
        loss = -(weight[:, None] * target * logits.log_softmax(1)).sum() / weight.sum()
        loss = loss + DECAY * (w.square().sum() + one[1:].square().sum())
        loss.backward()
        return loss

    optimizer.step(closure)
    numbers = {"mean": mean, "scale": scale, "weights": w.detach().numpy(), "one": one.detach().numpy()}
    return {name: [round(float(v), 5) for v in values] for name, values in numbers.items()}


def main() -> None:
    """Fits, says what it is worth, and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path)
    args = parser.parse_args()
    rows = json.loads(args.measured.read_text())
    figures, right, scores = _material(rows)
    single = scores[:, 1:].max(1) == 0
    weight = np.ones(len(figures))
    fold = np.arange(len(figures)) % FOLDS
    picked = np.zeros(len(figures), int)
    for f in range(FOLDS):
        rule = fitted(figures[fold != f], right[fold != f], weight[fold != f])
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
    write("number", fitted(figures, right, np.append(weight, np.full(len(groups), 0.5))))


if __name__ == "__main__":
    main()
