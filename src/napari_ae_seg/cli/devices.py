"""`devices`: where it runs, and why."""

from __future__ import annotations

from typing import Any

from .console import Talk
from .options import takes


@takes()
def devices(**fields: Any) -> None:
    """Say where training and encoding run, and why."""
    from napari_ae_seg.core import devices as known

    with Talk("devices", fields) as talk:
        chosen = known.resolve(fields.get("device", "auto"))
        for line in known.listing():
            talk.say(f"{line.name:8} {line.description}{'' if line.usable else ' (not usable)'}")
        threads = known.use_threads(fields.get("threads", 0))
        talk.say(f"used: {chosen.device} - {chosen.reason}; {threads} of {known.cores()} CPU cores")
