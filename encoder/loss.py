"""What is asked of a code: near the mean of its own class, far from the others'; and of the heads."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

TEMPERATURE = 0.2
FAR = 1e4


@dataclass(frozen=True)
class Picks:
    """Places of each image, as flat indices: equally many of every class, and some as common as they are."""

    of_class: Tensor  # (B, C, each)
    known: Tensor  # (B, C), bool: the class is there
    anywhere: Tensor  # (B, N)
    truth: Tensor  # (B, N): the class there


def pick(classes: Tensor, generator: torch.Generator, each: int = 64, anywhere: int = 384, least: int = 24) -> Picks:
    """Random places of `classes` (B, *space); a class of fewer than `least` pixels is not asked about."""
    flat = classes.flatten(1)
    b, n = flat.shape
    c = int(flat.max()) + 1
    places, known = torch.zeros(b, c, each, dtype=torch.long), torch.zeros(b, c, dtype=torch.bool)
    for i in range(b):
        for j in range(c):
            at = (flat[i] == j).nonzero()[:, 0]
            if len(at) >= least:
                places[i, j] = at[torch.randint(len(at), (each,), generator=generator)]
                known[i, j] = True
    some = torch.randint(n, (b, anywhere), generator=generator)
    return Picks(places, known, some, flat.gather(1, some).long())


def sampled(maps: Tensor, flat: Tensor, space: tuple[int, ...]) -> Tensor:
    """Values (B, N, D) of maps (B, D, *coarse) at pixels `flat` (B, N) of an image of `space`, interpolated."""
    at = []
    for n in reversed(space):  # x first, as grid_sample wants it
        at.append((2 * (flat % n).float() + 1) / n - 1)
        flat = flat // n
    grid = torch.stack(at, -1)  # (B, N, ndim)
    grid = grid.reshape(len(grid), *[1] * (len(space) - 1), -1, len(space))
    return (
        F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)
        .flatten(2)
        .transpose(1, 2)
    )


def prototypes(z: Tensor, known: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Every place nearer to its class's mean, of the other half of the places, than to another's. z (B, C, each, D)."""
    b, c, each, _ = z.shape
    halves = z.split(each // 2, 2)
    total = z.new_zeros(())
    for mine, other in (halves, halves[::-1]):
        mean = other.mean(2)  # (B, C, D)
        d = torch.cdist(mine.flatten(1, 2), mean).square() + FAR * (~known)[:, None]  # (B, C * half, C)
        truth = torch.arange(c).repeat_interleave(each // 2).expand(b, -1)
        wrong = (
            F.cross_entropy((-d / temperature).flatten(0, 1), truth.flatten(), reduction="none")
            .reshape(b, c, -1)
            .mean(2)
        )
        total = total + _mean(wrong, known)
    return total / 2


def contrast(z: Tensor, known: Tensor, temperature: float = 0.1, each: int = 24) -> Tensor:
    """Places of one class near each other, of different ones far. z (B, C, each, D)."""
    z = z[:, :, :each]
    b, c, each, _ = z.shape
    s = -torch.cdist(z.flatten(1, 2), z.flatten(1, 2)).square() / (2 * temperature)  # (B, C * each, C * each)
    there = known.repeat_interleave(each, 1)
    itself = torch.eye(c * each, dtype=torch.bool)
    s = s.masked_fill(itself | ~there[:, None], -FAR)
    label = torch.arange(c).repeat_interleave(each)
    same = ((label[:, None] == label[None]) & ~itself).float()
    near = (s - s.logsumexp(2, keepdim=True)).clamp(min=-FAR)
    per = -(near * same).sum(2) / same.sum(1)
    return _mean(per.reshape(b, c, each).mean(2), known)


def stays(z: Tensor, anywhere: Tensor, known: Tensor, rounds: int = 3, temperature: float = TEMPERATURE) -> Tensor:
    """Soft k-means over places `anywhere` (B, N, D), begun at the true means, stays with them. z (B, C, each, D)."""
    center = z.mean(2)  # (B, C, D)
    for _ in range(rounds):
        d = torch.cdist(anywhere, center).square() + FAR * (~known)[:, None]
        member = torch.softmax(-d / (0.5 * temperature), 2)  # (B, N, C)
        mass = member.sum(1)[..., None]
        center = (member.transpose(1, 2) @ anywhere + 0.5 * center) / (mass + 0.5)
    d = torch.cdist(z.flatten(1, 2), center).square() + FAR * (~known)[:, None]
    b, c, each, _ = z.shape
    own = torch.arange(c).repeat_interleave(each).expand(b, -1)
    wrong = (
        F.cross_entropy((-d / temperature).flatten(0, 1), own.flatten(), reduction="none").reshape(b, c, each).mean(2)
    )
    return _mean(wrong.clamp(max=20), known)


def rivals(anywhere: Tensor, truth: Tensor, generator: torch.Generator, tries: int = 4, rounds: int = 8) -> Tensor:
    """The true classes are what k-means would choose: nothing it finds is tighter, unless it is about the same.

    Of places (B, N, D) as common as they are; with `truth` (B, N). The hinge is on the logarithms of the sums of
    squares, so no scale helps, and the margin grows with the share of pairs that truth and rival see otherwise, classes
    weighed alike.
    """
    b, n, _ = anywhere.shape
    c = int(truth.max()) + 1
    true = F.one_hot(truth, c).to(anywhere)  # (B, N, C)
    common = true.sum(1)  # (B, C)
    known = common > 0
    usable = known.sum(1) > 1
    points = anywhere.repeat_interleave(tries, 0)  # (B * tries, N, D)
    there = known.repeat_interleave(tries, 0)
    with torch.no_grad():
        first = torch.rand(len(points), n, generator=generator).argsort(1)[:, :c]
        center = points.gather(1, first[..., None].expand(-1, -1, points.shape[2]))
        for _ in range(rounds):
            d = torch.cdist(points, center).square() + FAR * (~there)[:, None]
            member = F.one_hot(d.argmin(2), c).to(points)
            mass = member.sum(1)[..., None]
            center = torch.where(mass > 0, member.transpose(1, 2) @ points / mass.clamp(min=1), center)
        weight = (true / common.clamp(min=1)[:, None]).sum(2) / known.sum(1, keepdim=True).clamp(min=1)  # (B, N)
        both = (true * weight[..., None]).repeat_interleave(tries, 0).transpose(1, 2) @ member  # (B * tries, C, C)
        otherwise = both.sum(2).square().sum(1) + both.sum(1).square().sum(1) - 2 * both.square().sum((1, 2))
    ours = _within(anywhere, true).repeat_interleave(tries, 0)
    excess = (ours.log() - _within(points, member).log() + 0.5 * otherwise).clamp(min=0).reshape(b, tries).mean(1)
    return (excess * usable).sum() / usable.sum().clamp(min=1)


def _within(z: Tensor, member: Tensor) -> Tensor:
    """The sum of squares about the means of the groups (B,); z (B, N, D), member (B, N, C)."""
    mean = (member.transpose(1, 2) @ z) / member.sum(1).clamp(min=1)[..., None]
    return (z - member @ mean).square().sum((1, 2)) + 1e-4


def objects(logits: Tensor, distance: Tensor, center: Tensor, has_objects: Tensor) -> Tensor:
    """How central, and at a border or not, where the scene says what its objects are."""
    if not has_objects.any():
        return logits.sum() * 0
    logits = logits[has_objects]
    border = (distance[has_objects].abs() <= 3).float()  # within one and a half pixels
    depth = center[has_objects].float() / 255
    return F.binary_cross_entropy_with_logits(logits[:, 0], depth) + F.binary_cross_entropy_with_logits(
        logits[:, 1], border
    )


def _mean(wrong: Tensor, known: Tensor) -> Tensor:
    """Over classes, then over images of at least two classes."""
    use = known & (known.sum(1, keepdim=True) > 1)
    per_image = (wrong * use).sum(1) / use.sum(1).clamp(min=1)
    return per_image.sum() / (use.any(1).sum().clamp(min=1))
