"""Peers' packages, downloaded and unpacked, never installed.

build/peers/NAME is the tree that `dpkg -x` leaves of the peer's packages and of the libraries they need and the
host lacks. It appears by a rename when it is whole, so what is there is complete and a second call does nothing.
"""
import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

CACHE = Path(os.environ.get("POSTRIDER_PEERS", Path(__file__).parents[2] / "build" / "peers"))

PACKAGES = {
    "postfix": ["postfix"],
    "dovecot": ["dovecot-core", "dovecot-imapd", "dovecot-pop3d", "dovecot-lmtpd"],
    "exim": ["exim4-daemon-light", "exim4-base"],
    "opensmtpd": ["opensmtpd"],
    "cyrus": ["cyrus-common", "cyrus-imapd", "cyrus-pop3d", "libsasl2-modules"],
}


class FetchError(Exception):
    """The packages can't be had; the text says why."""


def tree(name: str) -> Path:
    return CACHE / name


def fetch(name: str) -> Path:
    """Makes sure that build/peers/NAME is there and returns it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree(name).is_dir():
            unpack(name)
    return tree(name)


def unpack(name: str) -> None:
    debs, half = CACHE / f".{name}.debs", CACHE / f".{name}.new"
    for folder in (debs, half):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    download_all(PACKAGES[name], debs)
    for deb in sorted(debs.glob("*.deb")):
        subprocess.run(["dpkg", "-x", deb, half], check=True)
    merge_usr(half)
    half.rename(tree(name))
    shutil.rmtree(debs)


def download_all(packages: Iterable[str], debs: Path) -> None:
    """The packages and, step by step, the libraries in their Depends that the host has not installed."""
    wanted, seen = list(packages), set()
    while wanted:
        download(wanted, debs)
        seen.update(wanted)
        needed = {lib for package in wanted for lib in libraries(package, debs)} - seen
        wanted = sorted(lib for lib in needed if not installed(lib))


def download(packages: list[str], debs: Path) -> None:
    # The sandbox user of apt can't write to our folder; as root apt warns about that at every package.
    command = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *packages]
    if run_quiet(command, debs).returncode == 0:
        return
    run_quiet(["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", "update"], debs)  # a clean Debian has no lists
    again = run_quiet(command, debs)
    if again.returncode != 0:
        raise FetchError(f"apt-get download {' '.join(packages)}: {again.stderr.strip()}")


def run_quiet(command: list[str], folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def libraries(package: str, debs: Path) -> list[str]:
    """Names of the libraries in a package's Depends; of alternatives the first."""
    (deb,) = debs.glob(f"{package}_*.deb")
    fields = subprocess.run(
        ["dpkg-deb", "-f", deb, "Depends"], check=True, capture_output=True, text=True
    ).stdout
    first = (clause.split("|")[0] for clause in fields.split(","))
    names = (re.sub(r"[\s:(].*", "", clause.strip(), flags=re.DOTALL) for clause in first)
    return [n for n in names if n.startswith("lib")]


def installed(package: str) -> bool:
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", package], capture_output=True, text=True
    )
    return query.stdout.startswith("installed")


def merge_usr(root: Path) -> None:
    """Moves what packages still bring in /lib to where it belongs: the host's /lib is a link to /usr/lib."""
    for name in ("bin", "sbin", "lib", "lib64"):
        if (root / name).is_dir():
            shutil.copytree(root / name, root / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(root / name)


def fetch_all(names: list[str]) -> int:
    for name in names or list(PACKAGES):
        try:
            print(f"{name}: {fetch(name)}")
        except FetchError as e:
            print(f"peer fetch: {name}: {e}", file=sys.stderr)
            return 69
    return 0
