"""Examples: which item of which layer a person gave which class, with undo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_ae_seg.gui.session import current

if TYPE_CHECKING:
    from napari.layers import Layer


@dataclass
class Given:
    """Layer -> number of an item -> its class."""

    classes: dict[Layer, dict[int, str]] = field(default_factory=dict)
    steps: list[tuple[Layer, int, str | None]] = field(default_factory=list)
    """What was changed, and what was there before; None for nothing."""

    def give(self, layer: Layer, number: int, name: str) -> None:
        """Name an item; naming it the same again takes the name back."""
        current().numbered.add(layer)
        mine = self.classes.setdefault(layer, {})
        self.steps.append((layer, number, mine.get(number)))
        if mine.get(number) == name:
            del mine[number]
        else:
            mine[number] = name

    def undo(self) -> bool:
        """Take the last step back; whether there was one."""
        if not self.steps:
            return False
        layer, number, before = self.steps.pop()
        if before is None:
            self.classes[layer].pop(number, None)
        else:
            self.classes[layer][number] = before
        return True

    def of(self, layers: Iterable[Layer]) -> dict[Layer, dict[int, str]]:
        """A copy of what is named on `layers`."""
        return {layer: dict(self.classes.get(layer, {})) for layer in layers}

    def counts(self, layers: Iterable[Layer]) -> dict[str, int]:
        """Class -> how many items of `layers` were given it."""
        names = [name for mine in self.of(layers).values() for name in mine.values()]
        return {name: names.count(name) for name in dict.fromkeys(names)}

    def rename(self, before: str, after: str) -> None:
        """Give every item of class `before` the class `after`."""
        for mine in self.classes.values():
            mine.update({number: after for number, name in mine.items() if name == before})
        self.steps = [(layer, number, after if name == before else name) for layer, number, name in self.steps]

    def forget(self, name: str) -> None:
        """Take a class away, with its examples."""
        for mine in self.classes.values():
            for number in [number for number, given in mine.items() if given == name]:
                del mine[number]
        self.steps = []

    def drop(self, layer: Layer) -> None:
        """Forget a layer that is gone."""
        self.classes.pop(layer, None)
        self.steps = [step for step in self.steps if step[0] is not layer]
