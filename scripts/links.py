"""Dead links of a built site: `python scripts/links.py docs/_build/html` names each and exits with 1 if there are any.

Links within the site, to pages, pictures and headings; those to other sites are checked by `make docs-links`.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag links to and is linked by."""
        for name, value in attrs:
            if name in ("href", "src") and value and tag != "link":
                self.links.append(value)
            if name in ("id", "name") and value:
                self.anchors.add(value)


def dead(folder: Path) -> list[str]:
    """Page and link of each link within the site that leads nowhere."""
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    found = []
    for path, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            target, anchor = urldefrag(unquote(link))
            target = target.partition("?")[0]
            place = (path.parent / target).resolve() if target else path
            if not place.exists() or (place in pages and anchor not in pages[place].anchors):
                found.append(f"{path.relative_to(folder.resolve())}: {link}")
    return sorted(found)


def main() -> None:
    """Prints the dead links of the site in the folder named."""
    folder = Path(sys.argv[1])
    found = dead(folder)
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(list(folder.rglob('*.html')))} pages, {len(found)} dead links")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
