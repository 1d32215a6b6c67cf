"""The pages of the site that are made when it is built: tutorials as they ran, the gallery, and the reference.

`docs/conf.py` calls `write`; nothing of it is kept in the repository, so that no picture is older than the code.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import io
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
FOLDER = HERE / "generated"

GROUPS: dict[str, tuple[str, ...]] = {
    "In one call": ("segment", "read", "Stack", "Image", "Segments"),
    "Segmenters": ("Segmenter", "Objects", "stability", "unstable"),
    "Encoders": ("Autoencoder", "Features", "encode", "decode", "reconstruct", "generate", "write_bioimageio"),
    "Training": ("train", "Fit", "Step", "estimate", "Estimate"),
    "Classes": ("classify", "Classifier", "Classified"),
    "Beyond memory": ("Job", "Done", "Workers", "Folder", "Outcome", "write_summary"),
    "Looking": ("Exploration", "write_report", "Session", "current"),
    "Settings": (
        "NetworkConfig",
        "TrainingConfig",
        "SegmentationConfig",
        "ObjectsConfig",
        "ClassificationConfig",
        "preset",
    ),
    "Errors and warnings": (),
}
"""Pages of the reference; what is named nowhere comes last, exceptions under theirs."""


def write() -> None:
    """Writes every page that is made; a tutorial that ran on the same code is left as it is."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "api.md").write_text(reference(), encoding="utf-8")
    for script in tutorials():
        _once(FOLDER / script.stem, script)
    _once(FOLDER / "gallery", HERE / "gallery.py")


def tutorials() -> list[Path]:
    """The scripts in the order in which docs/tutorials.md names them."""
    named = re.findall(r"\(tutorials/(\w+)\.py\)", (HERE / "tutorials.md").read_text(encoding="utf-8"))
    return [HERE / "tutorials" / f"{name}.py" for name in named]


def played(script: Path, folder: Path, names: dict[str, Any] | None = None) -> str:
    """The page that a script of `# %%` cells makes, its pictures in `folder`; what it writes is thrown away."""
    sys.path.insert(0, str(HERE / "tutorials"))
    import pictures

    folder.mkdir(parents=True, exist_ok=True)
    pictures.FOLDER, names = folder.resolve(), {} if names is None else names
    names["__name__"] = "__main__"
    pictures.made.clear()
    parts = []
    with tempfile.TemporaryDirectory() as work, contextlib.chdir(work):
        for kind, text, line in cells(script.read_text(encoding="utf-8")):
            if kind == "words":
                parts.append(text)
                continue
            before, said = len(pictures.made), io.StringIO()
            with contextlib.redirect_stdout(said):
                exec(compile("\n" * line + text, str(script), "exec"), names)
            parts.append(f"```python\n{text}\n```")
            if said.getvalue():
                parts.append(f"```text\n{said.getvalue().rstrip()}\n```")
            parts += [f"![{words}]({folder.name}/{name})\n\n*{words}*" for name, words in pictures.made[before:]]
    sys.path.remove(str(HERE / "tutorials"))
    return "\n\n".join(parts) + "\n"


def cells(text: str) -> list[tuple[str, str, int]]:
    """("words" or "code", text, lines above) of each cell of a script in the percent format.

    >>> cells("# %% [markdown]\\n# # Title\\n\\n# %%\\nx = 1\\n")
    [('words', '# Title', 1), ('code', 'x = 1', 4)]
    """
    found: list[tuple[str, list[str], int]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# %%"):
            found.append(("words" if "markdown" in line else "code", [], number))
        else:
            kind, lines, _ = found[-1]
            lines.append(re.sub(r"^# ?", "", line) if kind == "words" else line)
    return [(kind, "\n".join(lines).rstrip(), above) for kind, lines, above in found if any(lines)]


def reference() -> str:
    """The page of everything public, from its docstrings."""
    import napari_ae_seg as ae

    left = [name for name in ae.__all__ if callable(getattr(ae, name))]
    errors = [name for name in left if inspect.isclass(getattr(ae, name)) and issubclass(getattr(ae, name), Exception)]
    groups = {**GROUPS, "Errors and warnings": tuple(errors)}
    known = {name for names in groups.values() for name in names}
    groups["Others"] = tuple(name for name in left if name not in known)
    parts = ["# Reference", "Everything that `import napari_ae_seg as ae` offers. Each example runs in the tests."]
    for title, names in groups.items():
        present = [name for name in names if name in left]
        if present:
            parts += [f"## {title}", *(_entry(name, getattr(ae, name)) for name in present)]
    return "\n\n".join(parts) + "\n"


def _entry(name: str, thing: Any) -> str:
    kind = "autoclass" if inspect.isclass(thing) else "autofunction"
    options = ["   :members:", "   :inherited-members: BaseModel,Exception"] if _members(thing) else []
    return "\n".join([f"### {name}", "", "```{eval-rst}", f".. {kind}:: napari_ae_seg.{name}", *options, "```"])


def _members(thing: Any) -> bool:
    return inspect.isclass(thing) and not issubclass(thing, Exception) and not hasattr(thing, "model_fields")


def _once(folder: Path, script: Path) -> None:
    """The page and pictures of a script, unless they were made from the same files."""
    page, stamp = folder.with_suffix(".md"), f"% {_digest(script)}\n\n"
    if page.exists() and page.read_text(encoding="utf-8").startswith(stamp):
        return
    shutil.rmtree(folder, ignore_errors=True)
    page.write_text(stamp + played(script, folder), encoding="utf-8")


def _digest(script: Path) -> str:
    """What identifies a script and the package."""
    digest = hashlib.sha256()
    source = [
        path for path in (ROOT / "src").rglob("*") if path.suffix in (".py", ".aeseg") and "gui" not in path.parts
    ]
    for path in [script, HERE / "tutorials" / "pictures.py", Path(__file__), *sorted(source)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    os.chdir(ROOT)
    write()
