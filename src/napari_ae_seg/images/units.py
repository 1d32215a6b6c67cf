"""Names of units, as napari and OME-Zarr write them."""

from __future__ import annotations


def unit_name(text: str) -> str:
    """The name of a unit of length or time; "" for none and for what nobody knows.

    >>> unit_name("um"), unit_name("Micrometre"), unit_name("pixel"), unit_name("furlong per pint")
    ('micrometer', 'micrometer', '', '')
    """
    text = text.strip().replace("\\u00B5", "µ").replace("\u03bc", "µ")
    if text in _SHORT:
        return _SHORT[text]
    name = text.lower().removesuffix("s")
    name = name.removesuffix("re") + "er" if name.endswith("metre") else name
    return name if name in _NAMES else ""


_SHORT = {
    **dict.fromkeys(("µm", "um", "micron", "microns"), "micrometer"),
    "nm": "nanometer", "mm": "millimeter", "cm": "centimeter", "m": "meter", "km": "kilometer", "pm": "picometer",
    "Å": "angstrom", "in": "inch", "s": "second", "sec": "second", "ms": "millisecond", "µs": "microsecond",
    "min": "minute", "h": "hour", "ns": "nanosecond",
}  # fmt: skip
_PREFIXES = "yocto zepto atto femto pico nano micro milli centi deci hecto kilo mega giga tera peta exa zetta yotta"
_NAMES = {
    *("angstrom", "foot", "inch", "mile", "parsec", "yard", "minute", "hour", "day"),
    *(prefix + unit for prefix in ["", *_PREFIXES.split()] for unit in ("meter", "second")),
}
