"""Everything that is to be right before a tag: `make release VERSION=0.1.0`.

Builds the package into dist/, and tries the wheel in an environment that holds nothing else. It tags nothing: it says
the command.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
PICTURES = (".png", ".gif", ".jpg", ".tif")
CONDA_NAMES = {"torch": "pytorch"}
"""What packages are called on conda-forge, where it is not their name on the index."""


def main() -> None:
    """Checks, builds, checks what was built, and says how to tag it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("version", nargs="?", help="the version to be released; without it, whatever the source says")
    parser.add_argument(
        "--no-tag", action="store_true", help="check the package alone, not that it is ready to be tagged"
    )
    parser.add_argument("--with-napari", action="store_true", help="also try the wheel with napari and a Qt")
    asked = parser.parse_args()
    version = asked.version or written_version()
    faults = [*version_faults(version), *recipe_faults()]
    if not asked.no_tag:
        faults += tag_faults(version)
    if faults:
        sys.exit("\n".join(["Not ready:", *(f"- {fault}" for fault in faults)]))
    built()
    tried([])
    if asked.with_napari:
        tried(["all"])
    if not asked.no_tag:
        print(f"All is well. Now: git tag -a v{version} -m {version} && git push origin v{version}")


def written_version() -> str:
    """The version that the source says."""
    text = (ROOT / "src" / "napari_ae_seg" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"', text, re.MULTILINE)
    assert found
    return found[1]


def version_faults(version: str) -> list[str]:
    """Files that name another version than `version`."""
    named = {
        "src/napari_ae_seg/__init__.py": f'__version__ = "{version}"',
        "CITATION.cff": f"\nversion: {version}\n",
        "CHANGELOG.md": f"\n## {version} ",
        "conda/recipe.yaml": f'\n  version: "{version}"\n',
        "docs/citing.md": f"version = {{{version}}}",
    }
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in named}
    return [f"{name} does not say {text.strip()!r}" for name, text in named.items() if text not in texts[name]]


def recipe_faults() -> list[str]:
    """What the recipe for conda requires otherwise than pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = set()
    for requirement in project["dependencies"]:
        name, floor = re.fullmatch(r"([\w-]+)(?:\[\w+\])?(.*)", requirement).groups()
        wanted.add(f"{CONDA_NAMES.get(name, name)} {floor}".strip())
    run = (ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8").split("  run:\n")[1].split("\ntests:")[0]
    found = set(re.findall(r"- (?!python )(.+)", run))
    return [f"conda/recipe.yaml lacks {one}" for one in sorted(wanted - found)] + [
        f"conda/recipe.yaml has {one}, pyproject.toml has not" for one in sorted(found - wanted)
    ]


def tag_faults(version: str) -> list[str]:
    """What stands in the way of a tag."""
    faults = []
    if subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, check=True, capture_output=True).stdout:
        faults.append("there are changes that are not committed")
    if subprocess.run(["git", "tag", "--list", f"v{version}"], cwd=ROOT, check=True, capture_output=True).stdout:
        faults.append(f"there is a tag v{version} already")
    top = re.search(r"^## .*", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    if top is None or not re.fullmatch(rf"## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", top[0]):
        faults.append(f"CHANGELOG.md does not begin with: ## {version} (YEAR-MONTH-DAY)")
    return faults


def built() -> None:
    """Builds sdist and wheel, and checks what is in them."""
    shutil.rmtree(DIST, ignore_errors=True)
    say("Building")
    subprocess.run([sys.executable, "-m", "build", "--outdir", DIST, ROOT], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *DIST.iterdir()], check=True)
    [sdist], [wheel] = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    with tarfile.open(sdist) as file:
        inside = file.getnames()
    if pictures := [name for name in inside if name.endswith(PICTURES) and "/src/" not in name]:
        sys.exit(f"{sdist.name} holds pictures: {', '.join(pictures[:5])}")
    with zipfile.ZipFile(wheel) as file:
        inside = file.namelist()
    for needed in (
        "napari.yaml",
        "py.typed",
        "weights/encoder2d.aeseg",
        "weights/encoder3d.aeseg",
        "samples/photographs/worms.png",
    ):
        if f"napari_ae_seg/{needed}" not in inside:
            sys.exit(f"{wheel.name} lacks {needed}")
    if others := [name for name in inside if not name.startswith(("napari_ae_seg/", "napari_ae_seg-"))]:
        sys.exit(f"{wheel.name} holds what is not the package: {', '.join(others[:5])}")
    say(*(f"{path.name}: {path.stat().st_size / 2**20:.1f} MB" for path in (sdist, wheel)))


def tried(extras: list[str]) -> None:
    """Installs the wheel in an empty environment, away from the repository, and uses it."""
    [wheel] = DIST.glob("*.whl")
    say(f"Trying the wheel {'with napari' if extras else 'without napari'}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "env", with_pip=True)
        programs = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
        alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

        def run(*command: str | Path) -> str:
            done = subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
            return done.stdout

        wanted = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
        run(programs / "python", "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wanted)
        run(programs / "napari-ae-seg", "demo", "--no-window", "--out", "demo")
        made = sorted(path.name for path in (folder / "demo").iterdir())
        if not any(path.endswith(".tif") for path in made):
            sys.exit(f"the demo wrote no labels: {made}")
        loads = "import napari_ae_seg, importlib.util as u; print(u.find_spec('napari') is not None)"
        if run(programs / "python", "-c", loads).strip() != str(bool(extras)):
            sys.exit("napari is there where it should not be, or the other way round")
        if extras:
            shown = run(programs / "python", "-m", "npe2", "list")
            if "napari-ae-seg" not in shown:
                sys.exit(f"npe2 does not list the plugin:\n{shown}")
    say(f"The demo wrote {', '.join(made)}")


def say(*lines: str) -> None:
    """Prints lines at once."""
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    main()
