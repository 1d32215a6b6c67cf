"""How the site is built: `make docs`. Pages are the Markdown files beside this one, and what generate.py makes."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "src")]

import generate  # noqa: E402

import napari_ae_seg  # noqa: E402

REPOSITORY = "https://github.com/napari-ae-seg/napari-ae-seg"
NAVIGATION = {
    "Start": ("start", "installation", "tutorials", "generated/gallery"),
    "In napari": ("segment", "train", "explore", "classify"),
    "Without a window": (
        "python",
        "command-line",
        "model-file",
        "export",
        "measures",
        "large",
        "slurm",
        "kubernetes",
        "snakemake",
    ),
    "Understand": ("how-it-works", "choosing", "settings", "accuracy", "benchmarks", "reliability", "limits"),
    "Help": ("troubleshooting", "coming-from", "citing", "generated/api"),
}
"""Pages in the order of the menu; those that are not there are left out, and those that are named nowhere come last."""

project = "napari-ae-seg"
author = "napari-ae-seg developers"
project_copyright = author
release = napari_ae_seg.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "images", "tutorials"]
templates_path: list[str] = []
highlight_language = "text"
html_theme = "furo"
html_title = "napari-ae-seg"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_math_renderer = "mathml"
html_theme_options = {
    "top_of_page_buttons": [],
    "footer_icons": [{"name": "GitHub", "url": REPOSITORY, "html": "GitHub", "class": ""}],
    "light_css_variables": {"color-brand-primary": "#0b6aa8", "color-brand-content": "#0b6aa8"},
    "dark_css_variables": {"color-brand-primary": "#56b4e9", "color-brand-content": "#56b4e9"},
}
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings name the types, in words
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
default_role = "code"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
linkcheck_ignore = [rf"{REPOSITORY}.*", "https://napari-ae-seg.github.io.*"]  # there once it is published


def setup(app: Any) -> None:
    """Makes the pages that are made, and the menu; formulas become MathML, which browsers draw without a script."""
    generate.write()
    app.connect("autodoc-process-docstring", _shapes, priority=400)  # before they are read as numpy's
    app.connect("doctree-read", _plain_types)
    app.connect("source-read", _menu)
    app.connect("source-read", _made_pages)
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))


def _menu(_: Any, page: str, source: list[str]) -> None:
    """The first page gets the menu of all."""
    if page == "tutorials":
        names = [f"generated/{script.stem}" for script in generate.tutorials()]
        source[0] += _toctree("", names)
    if page != "index":
        return
    hidden = {f"generated/{script.stem}" for script in generate.tutorials()} | {"index"}
    named = {name for names in NAVIGATION.values() for name in names}
    there = {str(path.relative_to(HERE).with_suffix("")) for path in HERE.rglob("*.md")} - hidden
    there = {name for name in there if not name.startswith(("_build", "tutorials/"))}
    menu = {**NAVIGATION, "More": tuple(sorted(there - named))}
    for title, names in menu.items():
        if present := [name for name in names if name in there]:
            source[0] += _toctree(title, present)


def _shapes(*event: Any) -> None:
    """Stars in shapes such as (C, *space) are stars, no emphasis."""
    lines = event[-1]
    lines[:] = [line if ">>>" in line else re.sub(r"(?<=[\s(,])\*(?=[a-z])", r"\\*", line) for line in lines]


def _plain_types(_: Any, page: Any) -> None:
    """Types in words, such as array or path, link to nothing that has the same name by chance."""
    from sphinx.addnodes import pending_xref

    for link in [*page.findall(pending_xref)]:
        if link.get("refdomain") == "py" and link["reftarget"][:1].islower():
            link.replace_self(link.children)


def _toctree(title: str, pages: list[str]) -> str:
    caption = f":caption: {title}\n" if title else ""
    return f"\n\n```{{toctree}}\n:hidden:\n{caption}\n" + "\n".join(pages) + "\n```\n"


def _made_pages(_: Any, page: str, source: list[str]) -> None:
    """Links to what is only in the repository: to the page made of it, or to the repository."""
    made = r"](generated/\1.md)" if "/" not in page else r"](\1.md)"
    source[0] = re.sub(r"\]\((?:\.\./)?tutorials/(\w+)\.py\)", made, source[0])
    source[0] = re.sub(r"\]\((?:\.\./)*(gallery)\.py\)", made, source[0])
    if "/" not in page:
        source[0] = re.sub(r"\]\(\.\./([^)]+)\)", rf"]({REPOSITORY}/blob/main/\1)", source[0])


def _inline(writer: Any, node: Any) -> None:
    writer.body.append(_mathml(node.astext(), "inline"))
    _skip()


def _block(writer: Any, node: Any) -> None:
    writer.body.append(f'<div class="formula">{_mathml(node.astext(), "block")}</div>')
    _skip()


def _mathml(latex: str, display: str) -> str:
    from latex2mathml.converter import convert

    return str(convert(latex, display=display))


def _skip() -> None:
    from docutils.nodes import SkipNode

    raise SkipNode
