"""Learners: the scikit-learn classifiers, their cross-validated accuracy, and the importance of features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ae_seg.core.progress import Progress, Report
from napari_ae_seg.core.state import stored

if TYPE_CHECKING:
    from napari_ae_seg.config import ClassificationConfig

FEW = 5
"""A class with fewer examples is said to have too few."""
OVERFIT = 0.2
"""A learner is said to overfit if its accuracy on its own examples exceeds that on held-back ones by more."""
SMALL = 100
"""With fewer examples the cross-validation is repeated, since a single round depends on luck."""
REPEATS = 3
USUAL = 24
"""The number of features of one kind at which each has weight 1."""
PERMUTED = 300
"""Examples that permutation importance is measured on, at most."""


def _logistic(config: ClassificationConfig, _: int, weight: np.ndarray) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    balance = "balanced" if config.balance else None
    weighing = FunctionTransformer(lambda x: x * weight)
    learner = LogisticRegression(C=config.strength, class_weight=balance, max_iter=5000)
    return make_pipeline(StandardScaler(), weighing, learner)


def _forest(config: ClassificationConfig, _: int, __: np.ndarray) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    weight = "balanced" if config.balance else None
    return RandomForestClassifier(config.trees, class_weight=weight, random_state=config.seed)


def _boosting(config: ClassificationConfig, examples: int, _: np.ndarray) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=config.trees,
        max_leaf_nodes=8,
        max_bins=63,
        min_samples_leaf=max(1, min(20, examples // 10)),
        early_stopping=False,
        class_weight="balanced" if config.balance else None,
        random_state=config.seed,
    )


LEARNERS: dict[str, Callable[[ClassificationConfig, int, np.ndarray], Any]] = {
    "logistic": _logistic,
    "forest": _forest,
    "boosting": _boosting,
}
"""Name -> function of configuration, number of examples and weights of the features: a scikit-learn classifier."""


@stored("quality")
@dataclass(frozen=True)
class Quality:
    """The cross-validated accuracy of a classifier, beside that of always naming the most frequent class."""

    accuracy: float | None
    """Share of the examples recognised while held back; None if there are too few to hold any back."""
    spread: float
    """Standard deviation of the accuracy between the parts held back."""
    majority: float
    """What always naming the most frequent class would reach."""
    balanced: float | None
    """Mean over the classes of the share recognised."""
    known: float
    """Share of the examples recognised after learning from them."""
    confusion: list[list[float]]
    """Examples of each class (rows) by what they were taken for (columns)."""
    by_image: bool
    """Whether whole images were held back, so that the accuracy holds for images not seen."""
    warnings: list[str]
    """What should not be overlooked, a sentence each."""

    @property
    def sentence(self) -> str:
        """The accuracy in words."""
        guess = f"always saying the most frequent class reaches {self.majority:.0%}"
        if self.accuracy is None:
            return f"The accuracy is not known yet: each class needs two examples or more; {guess}."
        held = "in images held back" if self.by_image else "held back"
        return f"Recognises {self.accuracy:.0%} ± {self.spread:.0%} of the examples {held}; {guess}."


def weights(features: Sequence[str]) -> np.ndarray:
    """(F,) how much each feature counts before learning: less, the more of its kind there are.

    A few features of shape would otherwise be drowned by hundreds of latents. The fourth root was the most accurate
    over textures, shapes and stains, between no weighting and equal weight of each kind.

    >>> weights(["shape: size", *(f"latents: {i}" for i in range(16))])[:2].round(2).tolist()
    [2.21, 1.11]
    """
    kinds = [name.partition(":")[0] for name in features]
    return np.array([(USUAL / kinds.count(kind)) ** 0.25 for kind in kinds])


def fitted(config: ClassificationConfig, x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Any:
    """A classifier that has learnt classes `y` (n,) from features `x` (n, F) of `weight` (F,), always the same."""
    return LEARNERS[config.learner](config, len(y), weight).fit(x, y)


def probabilities(learner: Any, x: np.ndarray, classes: int) -> np.ndarray:
    """Probability of each of `classes` (n, K); classes that `learner` has not seen have none."""
    out = np.zeros((len(x), classes))
    if len(x):
        out[:, learner.classes_] = learner.predict_proba(x)
    return out


def quality(
    config: ClassificationConfig,
    x: np.ndarray,
    y: np.ndarray,
    group: np.ndarray,
    names: list[str],
    weight: np.ndarray,
    report: Report,
) -> Quality:
    """How well examples of features `x` (n, F), class `y` and image `group` are recognised while held back.

    Where each class is found in two images or more, whole images are held back.
    """
    counts = np.bincount(y, minlength=len(names))
    known = float((fitted(config, x, y, weight).predict(x) == y).mean())
    majority = float(counts.max() / counts.sum())
    several = _several_images(y, group)
    by_image = several and len(np.unique(group)) < len(y)
    if counts[counts > 0].min() < 2:
        few = _warnings(counts, names, None, majority, known, several, group)
        return Quality(None, 0.0, majority, None, known, np.zeros((len(names),) * 2).tolist(), False, few)
    confusion, accuracies = np.zeros((len(names), len(names))), []
    rounds = REPEATS if len(y) < SMALL else 1
    for train, test in _splits(config, y, group if by_image else None, rounds, report):
        guess = _recognised(config, x[train], y[train], x[test], weight)
        np.add.at(confusion, (y[test], guess), 1 / rounds)
        accuracies.append(float((guess == y[test]).mean()))
    accuracy = float(np.trace(confusion) / confusion.sum())
    there = counts > 0
    balanced = float((np.diag(confusion)[there] / confusion.sum(1)[there]).mean())
    warnings = _warnings(counts, names, accuracy, majority, known, several, group)
    spread = float(np.std(accuracies))
    return Quality(accuracy, spread, majority, balanced, known, confusion.round(2).tolist(), by_image, warnings)


def importance(
    config: ClassificationConfig, learner: Any, x: np.ndarray, y: np.ndarray, weight: np.ndarray, report: Report
) -> np.ndarray:
    """(F,) how much each feature matters to `learner`, adding up to 1.

    By the size of its weights in logistic regression and by the purity a forest gains from it; with boosting, by what
    is lost when the feature is shuffled.
    """
    if config.learner == "logistic":
        found = np.abs(learner[-1].coef_ * weight).mean(0)
    elif config.learner == "forest":
        found = learner.feature_importances_
    else:
        found = _shuffled(learner, x, y, config.seed, report)
    return np.asarray(found / max(found.sum(), 1e-12))


def _several_images(y: np.ndarray, group: np.ndarray) -> bool:
    """Whether every class is found in two images or more."""
    return all(len(np.unique(group[y == value])) > 1 for value in np.unique(y))


def _splits(
    config: ClassificationConfig, y: np.ndarray, group: np.ndarray | None, rounds: int, report: Report
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows to learn from and rows held back, `folds` times per round."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    folds = int(min(config.folds, np.unique(y, return_counts=True)[1].min()))
    if group is not None:
        folds = min(folds, *(len(np.unique(group[y == value])) for value in np.unique(y)))
    for turn in range(rounds):
        kind = StratifiedKFold if group is None else StratifiedGroupKFold
        split = kind(folds, shuffle=True, random_state=config.seed + turn).split(y, y, group)
        for part, (train, test) in enumerate(split):
            report(Progress("check", turn * folds + part, rounds * folds))
            if len(train) and len(test):
                yield train, test


def _recognised(
    config: ClassificationConfig, x: np.ndarray, y: np.ndarray, new: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """The class of each row of `new`, learnt from `x` and `y`, which may hold one class alone."""
    if len(np.unique(y)) == 1:
        return np.full(len(new), y[0])
    return np.asarray(fitted(config, x, y, weight).predict(new))


def _warnings(
    counts: np.ndarray,
    names: list[str],
    accuracy: float | None,
    majority: float,
    known: float,
    several: bool,
    group: np.ndarray,
) -> list[str]:
    found = []
    few = [f"{name!r} has {count}" for name, count in zip(names, counts, strict=True) if count < FEW]
    if few:
        found.append(f"Too few examples: {', '.join(few)}; give each class at least {FEW}.")
    if accuracy is not None and accuracy <= majority + 1e-9:
        found.append(
            "This is no better than always saying the most frequent class: these features do not tell them apart."
        )
    elif accuracy is not None and known - accuracy > OVERFIT:
        found.append(
            f"It overfits: it knows {known:.0%} of the examples it has learnt from but only {accuracy:.0%} of others; "
            "give more examples or choose fewer features."
        )
    if accuracy is not None and not several and len(np.unique(group)) > 1:
        found.append("A class has examples in one image only: how well it is recognised in other images is not known.")
    return found


def _shuffled(learner: Any, x: np.ndarray, y: np.ndarray, seed: int, report: Report) -> np.ndarray:
    """(F,) by how much the probability of the right class falls when a feature is shuffled among the examples."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(y))[:PERMUTED]
    x, y = x[rows], y[rows]
    column = np.searchsorted(learner.classes_, y)

    def right(values: np.ndarray) -> float:
        return float(learner.predict_proba(values)[np.arange(len(y)), column].mean())

    whole, lost = right(x), np.zeros(x.shape[1])
    for feature in range(x.shape[1]):
        report(Progress("weigh features", feature, x.shape[1]))
        mixed = x.copy()
        mixed[:, feature] = rng.permutation(mixed[:, feature])
        lost[feature] = max(whole - right(mixed), 0.0)
    return lost
