"""The statistics that BatchNorm and a variational network's draws use after training: gathered once, then frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .net import Net


@torch.no_grad()
def gather_statistics(net: Net, batches: Iterable[Tensor]) -> Net:
    """`net` in evaluation mode, its statistics exactly those of all images in `batches`, each (B, C, *space), together.

    Images of one size take one pass; those of several sizes one pass per layer, because a layer's input is only right
    once the layers above it are frozen. Averages of each batch's own statistics are far off where batches differ.
    """
    groups = _by_size(batches)
    net.eval()
    norms = _in_order(net, groups[0][:1])
    if len(groups) == 1:
        _gather(net, norms, groups, ahead=False)
    else:
        for norm in norms:
            _gather(net, [norm], groups, ahead=True)
    if net.gaussian is not None:
        encoded = [net.encode(group) for group in groups]
        net.gaussian.fit(_rows([one.mu for one in encoded]), _rows([one.logvar for one in encoded]))
    net.settle(groups)
    return net


class _Moments:
    """Sums over places and batches, from which mean and variance follow."""

    def __init__(self) -> None:
        self.count = 0
        self.sums: Tensor | float = 0.0  # (2, C) of x and x^2

    def add(self, x: Tensor) -> None:
        places = [axis for axis in range(x.ndim) if axis != 1]
        variance, mean = (one.double() for one in torch.var_mean(x.float(), places, correction=0))
        count = x.numel() // x.shape[1]
        self.count += count
        self.sums = self.sums + count * torch.stack([mean, variance + mean**2])

    def freeze(self, norm: _BatchNorm) -> None:
        mean, square = torch.as_tensor(self.sums) / self.count
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(square - mean**2)


class _ReachedError(Exception):
    """A pass has come as far as it needs to."""


def _gather(net: Net, norms: list[_BatchNorm], groups: list[Tensor], *, ahead: bool) -> None:
    """Give `norms` the statistics of what reaches them; `ahead` freezes them only after all groups have passed."""
    moments = [_Moments() for _ in norms]

    def watch(moment: _Moments) -> Callable[..., None]:
        def look(norm: Any, inputs: tuple[Tensor, ...]) -> None:
            moment.add(inputs[0])
            if ahead:
                raise _ReachedError
            moment.freeze(norm)

        return look

    hooks = [norm.register_forward_pre_hook(watch(moment)) for norm, moment in zip(norms, moments, strict=True)]
    try:
        for group in groups:
            try:
                net(group)
            except _ReachedError:
                continue
    finally:
        for hook in hooks:
            hook.remove()
    for norm, moment in zip(norms, moments, strict=True):
        moment.freeze(norm)


def _in_order(net: Net, x: Tensor) -> list[_BatchNorm]:
    """The norms of `net` in the order in which they see an image."""
    seen: list[_BatchNorm] = []
    norms = [layer for layer in net.modules() if isinstance(layer, _BatchNorm)]
    hooks = [norm.register_forward_pre_hook(lambda norm, _: seen.append(norm)) for norm in norms]
    net(x)
    for hook in hooks:
        hook.remove()
    return seen


def _by_size(batches: Iterable[Tensor]) -> list[Tensor]:
    groups: dict[tuple[int, ...], list[Tensor]] = {}
    for batch in batches:
        groups.setdefault(tuple(batch.shape[2:]), []).append(batch)
    if not groups:
        raise ValueError("statistics need at least one batch of images, got none")
    return [torch.cat(group) if len(group) > 1 else group[0] for group in groups.values()]


def _rows(maps: list[Tensor | None]) -> Tensor:
    """(places, latents) of maps (B, latents, *space)."""
    return torch.cat([one.transpose(0, 1).flatten(1) for one in maps if one is not None], 1).T
