"""The network: a U-Net that codes every place of an image and redraws it clean; tile by tile equals the whole."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

WIDTHS = {2: (24, 32, 48, 64, 96), 3: (20, 40)}
COUNTS = {"tone": 0.1, "half": 0.7, "redrawn": 0.4}
"""What stands beside the code counts so much while training; `encoder.weigh` chooses anew once the code is learnt."""
CONV = {2: nn.Conv2d, 3: nn.Conv3d}
NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class Encoder(nn.Module):
    """Images (B, 3, *space) to a code, the image redrawn, and what is known of objects.

    - code (B, latents, *space / 2): within the unit ball; near for places of one class, far for others; its first 2, 4,
      8 numbers say the coarser distinctions;
    - redrawn (B, 3, *space): the image without noise, shading and stripes;
    - objects (B, 2, *space): logits of how central a place is in its object, and of lying at an object's border.

    Place i of the code covers pixels 2i and 2i + 1. A tile must start at a multiple of `align` and carry `halo` pixels
    on each side. Sides that are no multiple of `align` are continued with zeros.

    >>> net = Encoder().eval()
    >>> code, redrawn, objects = net(torch.zeros(1, 3, 40, 64))
    >>> code.shape, redrawn.shape, objects.shape
    (torch.Size([1, 16, 20, 32]), torch.Size([1, 3, 40, 64]), torch.Size([1, 2, 40, 64]))
    """

    stride = 2

    def __init__(
        self, ndim: int = 2, latents: int = 16, widths: tuple[int, ...] | None = None, norm: bool = True
    ) -> None:
        super().__init__()
        w = tuple(widths or WIDTHS[ndim])
        self.ndim, self.latents, self.widths, self.norm = ndim, latents, w, norm
        self.frozen = False
        self.stem = _Layer(ndim, 3, w[0], norm, kernel=6, stride=2, padding=2)
        self.down = nn.ModuleList([_block(ndim, w[max(0, i - 1)], c, norm) for i, c in enumerate(w)])
        self.up = nn.ModuleList([_block(ndim, w[i] + w[i + 1], w[i], norm) for i in range(len(w) - 1)])
        self.code = CONV[ndim](w[0], latents, 1)
        self.draw = CONV[ndim](w[0], 3 * 2**ndim, 1)
        self.objects = CONV[ndim](w[0], 2 * 2**ndim, 1)
        self.weights: Tensor
        self.register_buffer("weights", torch.tensor([COUNTS[name] for name in ("tone", "half", "redrawn")]))

    @property
    def align(self) -> int:
        """A tile starts at a multiple of this."""
        return int(2 ** len(self.widths))

    @property
    def halo(self) -> int:
        """Pixels beyond which nothing reaches a place: the convolutions' radii at every level, in steps of `align`."""
        radius = 2 + sum(4 * 2 ** (i + 1) for i in range(len(self.widths) - 1)) + 2 * self.align
        return int(-(-(radius + self.align) // self.align) * self.align)

    @property
    def tone_weight(self) -> float:
        """What tone counts beside the code."""
        return self.weights[0].item()

    @property
    def half_weight(self) -> float:
        """What the code of the image at half size counts beside that at full size."""
        return self.weights[1].item()

    @property
    def redrawn_weight(self) -> float:
        """What the redrawn image counts."""
        return self.weights[2].item()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Code, redrawn image and objects of images (B, 3, *space)."""
        space = x.shape[2:]
        pad = [p for n in reversed(space) for p in (0, -n % self.align)]
        h = self.stem(F.pad(x, pad) if any(pad) else x)  # (B, w0, *space / 2)
        skips = []
        for i, block in enumerate(self.down):
            h = block(h if i == 0 else _halved(h))
            skips.append(h)
        for i in reversed(range(len(self.up))):
            h = self.up[i](torch.cat([skips[i], F.interpolate(h, scale_factor=2.0, mode="nearest")], 1))
        code = self.code(h)
        code = code * torch.rsqrt(1 + code.square().sum(1, keepdim=True))
        outs = code, _spread(self.draw(h)), _spread(self.objects(h))
        if not any(pad):
            return outs
        sides = [tuple(slice(-(-n // s)) for n in space) for s in (2, 1, 1)]
        code, redrawn, objects = (out[(..., *side)] for out, side in zip(outs, sides, strict=True))
        return code, redrawn, objects

    def features(self, x: Tensor) -> Tensor:
        """What k-means sees, (B, 2 latents + 6, *space): codes of the image and of it halved, tone, the image redrawn.

        All but the first by their weights; tone and the image redrawn over the root of 3, so that they count as one
        channel.
        """
        space = tuple(x.shape[2:])
        mode = "bilinear" if self.ndim == 2 else "trilinear"
        code, redrawn, _ = self(x)
        codes = [code, self.half_weight * self(halved(x))[0]]
        for i, c in enumerate(codes):
            grown = F.interpolate(
                _grown(c, space, 2 ** (i + 1)), scale_factor=2.0 ** (i + 1), mode=mode, align_corners=False
            )
            codes[i] = grown[(..., *[slice(side) for side in space])]
        return torch.cat([*codes, self.tone_weight * tone(x), self.redrawn_weight * redrawn / 3**0.5], 1)

    def train(self, mode: bool = True) -> Self:
        """As for any module; once frozen, the normalization stays as it is."""
        super().train(mode)
        if self.frozen:
            for module in self.modules():
                if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
                    module.eval()
        return self

    def freeze(self) -> None:
        """Keep the means and deviations of the channels from here on: training computes what inference will."""
        self.frozen = True
        self.train(self.training)

    def folded(self) -> "Encoder":
        """The same network with the normalization folded into the convolutions."""
        out = Encoder(self.ndim, self.latents, self.widths, norm=False)
        mine = deepcopy(self).eval()  # a training goes on as it was
        source = {name: m for name, m in mine.named_modules() if isinstance(m, _Layer)}
        for name, layer in out.named_modules():
            if isinstance(layer, _Layer):
                conv, norm = source[name].conv, source[name].norm
                fused = conv if isinstance(norm, nn.Identity) else fuse_conv_bn_eval(conv, norm)
                layer.conv.load_state_dict(fused.state_dict())
        for name in ("code", "draw", "objects"):
            getattr(out, name).load_state_dict(getattr(self, name).state_dict())
        out.weights.copy_(self.weights)
        return out.eval()

    def save(self, path: Path, **header: object) -> None:
        """Write the folded weights as safetensors with a JSON header."""
        net = self.folded()
        named = ("ndim", "latents", "widths", "stride", "align", "halo", "tone_weight", "half_weight", "redrawn_weight")
        about = {name: getattr(self, name) for name in named} | header
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({k: v.detach().contiguous() for k, v in net.state_dict().items()}, path, {"about": json.dumps(about)})

    @classmethod
    def load(cls, path: Path) -> "Encoder":
        """A network written by `save`."""
        with safe_open(path, "pt") as file:
            about = json.loads(file.metadata()["about"])
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        net = cls(about["ndim"], about["latents"], tuple(about["widths"]), norm=False)
        net.load_state_dict(state)
        return net.eval()


class _Layer(nn.Module):
    """Convolution, normalization by frozen statistics, rectifier."""

    def __init__(
        self, ndim: int, a: int, b: int, norm: bool, kernel: int = 3, stride: int = 1, padding: int = 1
    ) -> None:
        super().__init__()
        self.conv = CONV[ndim](a, b, kernel, stride, padding, bias=not norm)
        self.norm = NORM[ndim](b, momentum=0.01) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)), inplace=True)


def _block(ndim: int, a: int, b: int, norm: bool) -> nn.Sequential:
    return nn.Sequential(_Layer(ndim, a, b, norm), _Layer(ndim, b, b, norm))


def _halved(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2) if x.ndim == 4 else F.avg_pool3d(x, 2)


def halved(x: Tensor) -> Tensor:
    """Means of two pixels along each axis; a last odd one is repeated."""
    pad = [p for n in reversed(x.shape[2:]) for p in (0, n % 2)]
    return _halved(F.pad(x, pad, mode="replicate") if any(pad) else x)


def _grown(code: Tensor, space: tuple[int, ...], factor: int) -> Tensor:
    """A code with as many places as cover `space`, the last repeated."""
    pad = [
        p
        for n, m in zip(reversed(space), reversed(code.shape[2:]), strict=True)
        for p in (0, max(0, -(-n // factor) - m))
    ]
    return F.pad(code, pad, mode="replicate") if any(pad) else code


def _spread(x: Tensor) -> Tensor:
    """(B, C * 2**ndim, *space) to (B, C, *2 space)."""
    ndim = x.ndim - 2
    if ndim == 2:
        return F.pixel_shuffle(x, 2)
    b, c, d, h, w = x.shape
    x = x.reshape(b, c // 8, 2, 2, 2, d, h, w).permute(0, 1, 5, 2, 6, 3, 7, 4)
    return x.reshape(b, c // 8, 2 * d, 2 * h, 2 * w)


def tone(x: Tensor, sigma: float = 1.0) -> Tensor:
    """The image after a Gaussian, edges repeated, over the root of its channels: (B, C, *space)."""
    c, *space = x.shape[1:]
    at = torch.arange(-3, 4, dtype=x.dtype)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = (kernel / kernel.sum()).repeat(c, 1)
    convolve = F.conv2d if len(space) == 2 else F.conv3d
    for axis in range(len(space)):
        shape = [1] * len(space)
        shape[axis] = 7
        pad = [0, 0] * len(space)
        pad[2 * (len(space) - 1 - axis)] = pad[2 * (len(space) - 1 - axis) + 1] = 3
        x = convolve(F.pad(x, pad, mode="replicate"), kernel.reshape(c, 1, *shape), groups=c)
    return x.div(c**0.5)
