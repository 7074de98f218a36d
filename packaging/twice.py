"""`make deb-twice`: the package built twice, in other folders, at other times, by other users' habits; are they equal?

The second build runs in a copy of the tree under another name, with another umask, time zone, language and order of
hashes, a while after the first. Exit code: 0 the same bytes; 1 not, and which files differ.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from build import epoch
from targets import PYTHON, ROOT

NEEDED = ("edge_agent", "drivers", "calibration", "docs", "packaging", "systemd")
NEEDED += ("pyproject.toml", "README.md", "LICENSE", "ALARMS.md", "CHANGELOG.md")
HABITS = {
    "one": {"TZ": "UTC", "LANG": "C.UTF-8", "PYTHONHASHSEED": "1", "COLUMNS": "80"},
    "another-folder": {"TZ": "Asia/Shanghai", "LANG": "zh_CN.UTF-8", "PYTHONHASHSEED": "7", "COLUMNS": "200"},
}


def tree_in(folder: Path) -> Path:
    """What a package is made of, as it is now: somebody may be at work on it."""
    folder.mkdir()
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, folder / name)
    return folder


def built(tree: Path, folder: Path, options: list[str], habits: dict[str, str], umask: int, seconds: int) -> Path:
    """The package out of a copy of the tree in this folder."""
    shutil.copytree(tree, folder, copy_function=shutil.copy)
    command = [sys.executable, str(folder / "packaging/build.py"), *options, "--out", str(folder / "out")]
    known = {**os.environ, **habits, "PYTHONPATH": str(folder), "SOURCE_DATE_EPOCH": str(seconds)}
    subprocess.run(command, env=known, umask=umask, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (package,) = (folder / "out").glob("*.deb")
    return package


def members(package: Path) -> dict[str, str]:
    """Digest of each file inside."""
    with tempfile.TemporaryDirectory() as work:
        subprocess.run(["dpkg-deb", "-R", str(package), work], check=True)
        files = sorted(path for path in Path(work).rglob("*") if path.is_file() and not path.is_symlink())
        return {str(path.relative_to(work)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", choices=sorted(PYTHON), default="bookworm")
    parser.add_argument("--arch", choices=["amd64", "arm64"], default="arm64")
    parser.add_argument("--quick", action="store_true", help="packed less, in a tenth of the time")
    args = parser.parse_args()
    options = ["--suite", args.suite, "--arch", args.arch, *(["--quick"] if args.quick else [])]
    with tempfile.TemporaryDirectory() as work:
        tree, seconds, packages = tree_in(Path(work) / "tree"), epoch(), []
        for (name, habits), umask in zip(HABITS.items(), (0o022, 0o077), strict=True):
            packages.append(built(tree, Path(work) / name, options, habits, umask, seconds))
        digests = [hashlib.sha256(package.read_bytes()).hexdigest() for package in packages]
        for digest in digests:
            print(f"{digest}  {packages[0].name}")
        if digests[0] == digests[1]:
            print("the same bytes")
            return 0
        one, other = map(members, packages)
        for name in sorted(one.keys() | other.keys()):
            if one.get(name) != other.get(name):
                print(f"differs: {name}")
        print("NOT the same bytes; where no file is named, order, owners, times or packing differ")
        return 1


if __name__ == "__main__":
    sys.exit(main())
