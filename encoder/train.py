"""Train on generated scenes: `python -m encoder.train 2 --minutes 90 --out encoder/runs/2d`; the same line resumes."""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import loss, pool
from .net import COUNTS, Encoder, halved, tone
from .scenes.layouts import Layout
from .scenes.scene import Dice, Scenes, render

EXPORTS = {"tenth": 0.1, "third": 1 / 3}
"""Weights are also written after these shares of the time, with the rate not yet at zero."""

GENTLE = 1.2e-3
"""The rate at which weights that have learnt go on."""


@dataclass(frozen=True)
class Plan:
    """What a run is; of minutes and steps, steps counts if it is given."""

    ndim: int
    minutes: float = 90.0
    steps: int | None = None
    seed: int = 0
    batch: int = 8
    crop: int = 128
    crops: tuple[float, ...] = (0.5, 0.75, 1.0, 1.0, 1.5)
    """Of these times `crop` one is drawn at every step, with so many scenes that the pixels stay about as many."""
    start: str = ""
    """The name of the weights the run starts from; empty starts anew."""
    rate: float = 3e-3
    decay: float = 1e-3
    warm_up: float = 0.02
    freeze_at: float = 0.4
    latents: int = 16
    shards: int = 150
    weights: dict[str, float] = field(
        default_factory=lambda: {
            "joint": 1.0,
            "code": 0.5,
            "prefix": 0.3,
            "contrast": 0.3,
            "stays": 0.25,
            "rivals": 2.0,
            "rivals of code": 1.0,
            "redraw": 0.6,
            "objects": 0.3,
        }
    )


class Run:
    """A training that can stop and go on: `for line in run: ...` trains until the plan is done."""

    def __init__(self, plan: Plan, out: Path, layouts: Path, start: Path | None = None) -> None:
        self.plan, self.out, self.folder = plan, out, layouts
        torch.manual_seed(plan.seed)
        self.net = Encoder(plan.ndim, plan.latents) if start is None else Encoder.load(start)
        self.net.weights.copy_(torch.tensor(list(COUNTS.values())))
        decayed = [p for p in self.net.parameters() if p.ndim > 1]
        others = [p for p in self.net.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": plan.decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=plan.rate)
        self.dice = Dice((plan.seed, plan.ndim))
        self.step, self.seconds, self.loaded = 0, 0.0, 0
        self.layouts: list[Layout] = []
        self.exported: list[str] = []

    @property
    def share(self) -> float:
        """How much of the plan is done, 0 to 1."""
        if self.plan.steps is not None:
            return min(1.0, self.step / self.plan.steps)
        return min(1.0, self.seconds / (60 * self.plan.minutes))

    def __iter__(self) -> Iterator[dict[str, float]]:
        """The parts of the loss, after each step."""
        self.net.train()
        mark = time.monotonic()
        while self.share < 1:
            if self.step % 50 == 0:
                self._read(None)
            if self.share >= self.plan.freeze_at:
                self.net.freeze()
            rate = self.plan.rate * self._schedule()
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            parts = self._losses(self._scenes())
            total = sum(self.plan.weights[name] * value for name, value in parts.items())
            assert isinstance(total, Tensor)
            self.optimizer.zero_grad()
            total.backward()
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
            self.optimizer.step()
            self.step += 1
            now = time.monotonic()
            self.seconds, mark = self.seconds + now - mark, now
            for name, at in EXPORTS.items():
                if self.share >= at and name not in self.exported:
                    self.export(name)
                    self.exported.append(name)
            yield {name: float(value.detach()) for name, value in parts.items()}

    def _schedule(self) -> float:
        """Warm-up, then a cosine to zero."""
        if self.share < self.plan.warm_up:
            return max(self.share / self.plan.warm_up, 0.02)
        return 0.5 + 0.5 * math.cos(math.pi * (self.share - self.plan.warm_up) / (1 - self.plan.warm_up))

    def _read(self, until: int | None) -> None:
        """Take in the shards that are there, or exactly `until` of them."""
        while (until is None or self.loaded < until) and (self.folder / f"{self.loaded:05d}.npz").exists():
            self.layouts += pool.read(self.folder, self.loaded)
            self.loaded += 1

    def _scenes(self) -> Scenes:
        plan, numbers = self.plan, self.dice.numbers
        crop = min(int(plan.crop * numbers.choice(plan.crops)), *self.layouts[0].parts.shape)
        many = min(2 * plan.batch, max(1, round(plan.batch * (plan.crop / crop) ** plan.ndim)))
        chosen = numbers.integers(len(self.layouts), size=many)
        return render([self.layouts[i] for i in chosen], self.dice, crop)

    def _losses(self, scenes: Scenes) -> dict[str, Tensor]:
        """Every part of the loss on a batch."""
        x, clean = self._changed(scenes)
        picks = loss.pick(scenes.classes, self.dice.fields)
        code, redrawn, objects = self.net(_laid_out(x))
        half = self.net(_laid_out(halved(x)))[0]
        w_tone, w_half, w_redrawn = self.net.weights
        maps = [code, w_half * half, w_tone * tone(x), w_redrawn * redrawn.detach() / 3**0.5]  # as Encoder.features

        def at(which: Tensor) -> Tensor:
            return torch.cat([loss.sampled(m, which, tuple(x.shape[2:])) for m in maps], 2)

        z = at(picks.of_class.flatten(1)).unflatten(1, picks.of_class.shape[1:])  # (B, C, each, 2 latents + 6)
        anywhere = at(picks.anywhere)
        n = self.plan.latents
        own = z[..., :n]
        first = int(self.dice.numbers.choice([2, 4, 8]))
        return {
            "joint": loss.prototypes(z, picks.known),
            "code": loss.prototypes(own, picks.known),
            "prefix": loss.prototypes(own[..., :first], picks.known),
            "contrast": loss.contrast(own, picks.known),
            "stays": loss.stays(z, anywhere, picks.known) * min(1.0, self.share / 0.1),
            "rivals": loss.rivals(anywhere, picks.truth, self.dice.fields),
            "rivals of code": loss.rivals(anywhere[..., :n], picks.truth, self.dice.fields),
            "redraw": F.smooth_l1_loss(redrawn, clean),
            "objects": loss.objects(objects, scenes.distance, scenes.center, scenes.has_objects),
        }

    def _changed(self, scenes: Scenes) -> tuple[Tensor, Tensor]:
        """Images and clean images with a gain and an offset of their own: a crop is not normalized as its image is."""
        rng, b = self.dice.numbers, len(scenes.image)
        expand = (slice(None), *[None] * (scenes.image.ndim - 1))
        gain = torch.tensor(np.exp(rng.normal(0, 0.15, b)), dtype=torch.float32)[expand]
        offset = torch.tensor(rng.normal(0, 0.15, b), dtype=torch.float32)[expand]
        return scenes.image * gain + offset, scenes.clean * gain + offset

    def save(self) -> None:
        """Write all that is needed to go on."""
        self.out.mkdir(parents=True, exist_ok=True)
        state = {
            "plan": asdict(self.plan),
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "dice": self.dice.state(),
            "step": self.step,
            "seconds": self.seconds,
            "loaded": self.loaded,
            "exported": self.exported,
            "frozen": self.net.frozen,
        }
        torch.save(state, self.out / "part.pt")
        (self.out / "part.pt").rename(self.out / "checkpoint.pt")

    def resume(self) -> bool:
        """Go on from the checkpoint in `out`, if there is one."""
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, weights_only=False)
        if state["plan"] != asdict(self.plan):
            raise ValueError(f"{path} is of another plan, {state['plan']}; give that one, or another folder with --out")
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.dice.restore(state["dice"])
        self.step, self.seconds, self.exported = state["step"], state["seconds"], state["exported"]
        if state["frozen"]:
            self.net.freeze()
        self._read(state["loaded"])
        return True

    def export(self, name: str) -> Path:
        """Write the weights for use, with where they come from."""
        path = self.out / f"encoder-{self.plan.ndim}d-{name}.safetensors"
        self.net.save(
            path,
            plan=asdict(self.plan),
            share=round(self.share, 4),
            minutes=round(self.seconds / 60, 1),
            steps=self.step,
            layouts=len(self.layouts),
            data="generated scenes only (encoder/scenes)",
            machine=f"{torch.get_num_threads()} thread(s), {platform.machine()}",
            torch=torch.__version__,
            python=platform.python_version(),
        )
        return path


def _laid_out(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last if x.ndim == 4 else torch.channels_last_3d)


def main() -> None:
    """Train, printing a line every 100 steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ndim", type=int, choices=(2, 3))
    parser.add_argument("--minutes", type=float, default=90.0)
    parser.add_argument("--steps", type=int, help="counts instead of minutes")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--layouts", type=Path, help="the pool of layouts; beside OUT if not given")
    parser.add_argument("--start", type=Path, help="weights to start from, as this command writes them")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    kind: dict[str, object] = {} if args.ndim == 2 else {"batch": 3, "crop": 48, "crops": (1.0,), "shards": 90}
    if args.start:
        kind |= {"start": args.start.name, "rate": GENTLE}
    plan = Plan(args.ndim, args.minutes, args.steps, args.seed, **kind)  # type: ignore[arg-type]
    layouts = args.layouts or args.out.parent / f"layouts-{args.ndim}d"
    maker = _maker(layouts, plan)
    try:
        while not (layouts / "00003.npz").exists():
            time.sleep(1)
        _follow(Run(plan, args.out, layouts, args.start))
    finally:
        maker.terminate()


def _maker(layouts: Path, plan: Plan) -> subprocess.Popen[bytes]:
    """A process beside this one that fills the pool, and ends with it."""
    line = f"-m encoder.pool {layouts} --ndim {plan.ndim} --shards {plan.shards} --parent {os.getpid()}"
    return subprocess.Popen(["nice", "-n", "10", sys.executable, *line.split()])  # noqa: S603, S607


def _follow(run: Run) -> None:
    """Train to the end, with a line every 100 steps and a checkpoint every 3 minutes."""
    begun = "resumed" if run.resume() else "begun"
    weights = sum(p.numel() for p in run.net.parameters())
    print(f"{begun} at step {run.step}; {weights} weights; {json.dumps(asdict(run.plan))}", flush=True)
    recent: list[dict[str, float]] = []
    saved = time.monotonic()
    for parts in run:
        recent.append(parts)
        if run.step % 100 == 0:
            means = "  ".join(f"{name} {np.mean([one[name] for one in recent]):.4f}" for name in parts)
            print(f"{run.step} {run.seconds:.0f}s {100 * run.share:.1f}%  {means}", flush=True)
            recent.clear()
        if time.monotonic() - saved > 180:
            run.save()
            run.export("latest")
            saved = time.monotonic()
    run.save()
    print(f"done: {run.export('final')}", flush=True)


if __name__ == "__main__":
    main()
