"""Halfway between two trainings of which the second started from the first: `python -m encoder.average A B OUT`.

The mean of the weights keeps what the first had learnt and the second would have lost; what stands beside the code
counts as in SECOND.
"""

import argparse
import json
from pathlib import Path

from safetensors import safe_open

from .net import Encoder

ABOUT = ("plan", "share", "minutes", "steps", "layouts", "data", "machine", "torch", "python", "averaged_with")


def averaged(first: Encoder, second: Encoder) -> Encoder:
    """The network of the mean weights.

    >>> one, other = (Encoder(2, widths=(4, 4), norm=False) for _ in range(2))
    >>> half = averaged(one, other)
    >>> bool(torch.allclose(half.code.weight, (one.code.weight + other.code.weight) / 2))
    True
    """
    own, further = first.state_dict(), second.state_dict()
    mean = {name: (own[name] + further[name]) / 2 for name in own}
    out = Encoder(second.ndim, second.latents, second.widths, norm=False)
    out.load_state_dict({**mean, "weights": further["weights"]})
    return out.eval()


def about(path: Path) -> dict[str, object]:
    """What the header of a network says of its training."""
    with safe_open(path, "pt") as file:
        told = json.loads(file.metadata()["about"])
    return {name: told[name] for name in ABOUT if name in told}


def main() -> None:
    """Writes the network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("first", "second", "out"):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    net = averaged(Encoder.load(args.first), Encoder.load(args.second))
    net.save(args.out, **about(args.second), averaged_with=args.first.name)
    print(f"written: {args.out}")


if __name__ == "__main__":
    main()
