"""Build the Debian package: `make deb SUITE=bookworm ARCH=arm64`. Times, owners and order come from the commit.

Nothing is compiled and nothing of the target is run: every dependency comes as a file for the target, its digest held
by the lock, so that a package for ARM is built on any machine.
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

from pages import completion, manual
from targets import PYTHON, RELEASE, ROOT, TARGETS, Target, project

DEBIAN = ROOT / "packaging" / "debian"
SYSTEMD = ROOT / "systemd"
PAGE_UNITS = (
    "lift-edge-page.service",
    "lift-edge-page.socket",
    "lift-edge-page-settings.path",
    "lift-edge-page-settings.service",
)
"""Of the installer's page: there, and off until somebody switches it on."""
HOME = Path("opt/lift-edge-agent")
LEFT_OUT = ("sim", "receiver", "bin", "calibration_examples")
"""Not for the box: the simulator, the receiver, and scripts with this machine's path in them."""


def built(target: Target, out: Path, packing: str = "-Zxz") -> Path:
    """The package file. packing: how dpkg-deb packs it."""
    table = project()
    version = f"{table['version']}+deb{RELEASE[target.suite]}"
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder) / "stage"
        _libraries(target, stage / HOME / "lib", Path(folder))
        _files(stage, str(table["version"]))
        _control(target, stage, version)
        _set_times(stage)
        out.mkdir(parents=True, exist_ok=True)
        package = out / f"lift-edge-agent_{version}_{target.arch}.deb"
        # One thread: with more of them xz packs otherwise, so that the bytes would depend on the machine.
        command = [
            "dpkg-deb",
            "--threads-max=1",
            "--root-owner-group",
            *packing.split(),
            "--build",
            str(stage),
            str(package),
        ]
        subprocess.run(command, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch())}, stdout=sys.stderr)
    return package


def _libraries(target: Target, lib: Path, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    install = [*pip, "install", "--no-deps", "--no-compile", "--target", str(lib)]
    subprocess.run([*install, *target.pip_options(), "--require-hashes", "-r", str(target.lock)], check=True)
    source = folder / "source"
    shutil.copytree(ROOT / "edge_agent", source / "edge_agent", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "drivers", source / "drivers", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "calibration", source / "calibration", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(source)], check=True)
    (wheel,) = folder.glob("lift_edge_agent-*.whl")
    subprocess.run([*install, str(wheel)], check=True)
    for name in LEFT_OUT:
        shutil.rmtree(lib / name, ignore_errors=True)
    for path in [each for end in ("*.so", "*.c") for each in (lib / "fontTools").rglob(end)]:
        path.unlink()  # faster twins of files that are there as Python, and their source, 18 MB: a report is rare
    for path in sorted(lib.rglob("*"), reverse=True):
        if path.is_dir() and path.name in ("tests", "__pycache__"):
            shutil.rmtree(path)
        elif path.name == "direct_url.json":
            path.unlink()
    for each in lib.glob("*.dist-info/RECORD"):
        each.unlink()  # the list of files is dpkg's


def _files(stage: Path, version: str) -> None:
    """Everything beside the libraries."""
    doc = Path("usr/share/doc/lift-edge-agent")
    _put(stage / HOME / "bin/edge-agent", (ROOT / "packaging/launcher.py").read_text(encoding="utf-8"), 0o755)
    _put(stage / "usr/share/man/man1/edge-agent.1", manual(version))
    _put(stage / "usr/share/bash-completion/completions/edge-agent", completion())
    (stage / "usr/bin").mkdir(parents=True)
    (stage / "usr/bin/edge-agent").symlink_to(f"/{HOME}/bin/edge-agent")
    (stage / "etc/lift-edge-agent").mkdir(parents=True)
    for source, place in (
        (DEBIAN / "lift-edge-agent.service", "usr/lib/systemd/system/lift-edge-agent.service"),
        (DEBIAN / "lift-edge-agent-again.service", "usr/lib/systemd/system/lift-edge-agent-again.service"),
        (DEBIAN / "lift-edge-agent-update.service", "usr/lib/systemd/system/lift-edge-agent-update.service"),
        *((SYSTEMD / name, f"usr/lib/systemd/system/{name}") for name in PAGE_UNITS),
        (DEBIAN / "journald.conf", str(doc / "journald.conf")),
        (ROOT / "packaging/updater.py", str(HOME / "update/updater.py")),
        (ROOT / "packaging/updater_machine.py", str(HOME / "update/updater_machine.py")),
        (DEBIAN / "lift-edge-agent.sysusers", "usr/lib/sysusers.d/lift-edge-agent.conf"),
        (DEBIAN / "lift-edge-agent.rules", "usr/lib/udev/rules.d/60-lift-edge-agent.rules"),
        (ROOT / "docs/example.toml", str(doc / "example.toml")),
        (ROOT / "ALARMS.md", str(doc / "ALARMS.md")),
        (ROOT / "CHANGELOG.md", str(doc / "CHANGELOG.md")),
        (ROOT / "LICENSE", str(doc / "copyright")),
    ):
        _put(stage / place, source.read_text(encoding="utf-8"))

    key = os.environ.get("UPDATE_KEY")
    if key:
        _put(stage / HOME / "update.pub", Path(key).read_text(encoding="ascii"))


def _control(target: Target, stage: Path, version: str) -> None:
    files = sorted(path for path in stage.rglob("*") if path.is_file() and not path.is_symlink())
    size_kib = sum(-(-path.stat().st_size // 1024) for path in files)
    depends = [f"python3 (>= {PYTHON[target.suite]})", f"python3 (<< {target.python_next}~)", "systemd"]
    # Of Raspberry Pi OS; plain Debian 13 has none, and a box without contacts needs none.
    recommends = "Recommends: python3-lgpio\n" if target.suite == "trixie" else ""
    recommends += "Suggests: fonts-wqy-microhei, python3-pil\n"  # a report as PDF; photographs in it
    sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(stage)}" for path in files]
    _put(
        stage / "DEBIAN/control",
        (DEBIAN / "control.in")
        .read_text(encoding="utf-8")
        .format(
            version=version, arch=target.arch, size_kib=size_kib, depends=", ".join(depends), recommends=recommends
        ),
    )
    _put(stage / "DEBIAN/md5sums", "\n".join(sums) + "\n")
    for name in ("postinst", "prerm", "postrm"):
        _put(stage / "DEBIAN" / name, (DEBIAN / name).read_text(encoding="utf-8"), 0o755)


def _put(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def epoch() -> int:
    """The time of the commit, or what the caller says."""
    told = os.environ.get("SOURCE_DATE_EPOCH")
    if told is not None:
        return int(told)
    asked = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(asked.stdout)


def _set_times(stage: Path) -> None:
    seconds = epoch()
    for path in (stage, *stage.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (seconds, seconds), follow_symlinks=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", choices=sorted(PYTHON), default="bookworm")
    parser.add_argument("--arch", choices=["amd64", "arm64"], default="arm64")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--quick", action="store_true", help="packed less, in a tenth of the time; for labs")
    options = parser.parse_args()
    (target,) = (each for each in TARGETS if (each.suite, each.arch) == (options.suite, options.arch))
    package = built(target, options.out, "-Zgzip -z1" if options.quick else "-Zxz")
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    print(f"{package} ({package.stat().st_size / 1e6:.1f} MB, sha256 {digest})")


if __name__ == "__main__":
    main()
