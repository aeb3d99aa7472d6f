"""Packages: from apt and npm to a folder, and the files inside them.

Nothing is installed and nothing is unpacked to disk. apt works on lists and a cache of its own below the folder, with
the machine's configured sources, as root or not. The files of a package are read one after the other straight out of
its archive, so that no archive can write anywhere.
"""
import gzip
import hashlib
import os
import shutil
import subprocess
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote


class FetchError(Exception):
    """What went wrong, in one line for the user."""


@dataclass(frozen=True)
class Package:
    """A downloaded package; name as in sources.py. Several files may share a "ddtp:" name, one a suite."""
    name: str
    version: str
    path: Path

    def sha256(self):
        with open(self.path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def run(command, folder=None):
    """Standard output of a command; FetchError with its last line of complaint when it fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise FetchError(f"{command[0]} is not there; text is fetched by Debian's apt-get") from None
    if done.returncode != 0:
        complaint = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise FetchError(f"{command[0]} {command[-1]}: {complaint[-1]}")
    return done.stdout


class Apt:
    """apt-get with its state below a folder."""

    def __init__(self, folder, description_tags):
        """description_tags: of which languages apt shall fetch package descriptions, such as pt_BR."""
        self.folder = folder
        for part in ("lists/partial", "cache/archives/partial", "packages"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self.options = [
            f"Dir::State::lists={folder}/lists",
            f"Dir::Cache={folder}/cache",
            "Dir::State::status=/dev/null",  # what is installed does not matter
            f"Acquire::Languages={','.join(description_tags) or 'none'}",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
            "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false",
            "APT::Sandbox::User=root",
        ]

    def run(self, program, *arguments, folder=None):
        options = [word for option in self.options for word in ("-o", option)]
        return run([program, "-qq", *options, *arguments], folder)

    def update(self):
        self.run("apt-get", "update")
        if not self.run("apt-get", "indextargets", "Created-By: Packages", "--format", "$(FILENAME)"):
            raise FetchError("apt-get update brought no package lists; is there a network?")

    def known(self):
        """Names of the packages that can be downloaded."""
        return set(self.run("apt-cache", "pkgnames").split())

    def plan(self, names):
        """{file name: bytes} of what download will bring."""
        lines = self.run("apt-get", "--print-uris", "download", *names).splitlines()
        return {file_name: int(size) for _uri, file_name, size, _hash in map(str.split, lines)}

    def download(self, plan):
        """The Debian packages of a plan. apt checks them against its signed lists, and leaves alone what is there."""
        names = [file_name.split("_")[0] for file_name in plan]
        self.run("apt-get", "download", *names, folder=self.folder / "packages")
        packages = []
        for file_name in plan:
            name, version, _architecture = file_name.split("_")
            packages.append(Package(name, unquote(version), self.folder / "packages" / file_name))
        return packages

    def descriptions(self):
        """Debian's translated package descriptions, a file for each suite and language."""
        lines = self.run("apt-get", "indextargets", "Created-By: Translations", "Origin: Debian", "--format",
                         "$(LANGUAGE) $(RELEASE) $(FILENAME)").splitlines()
        fields = sorted(line.split(maxsplit=2) for line in lines)
        return [Package(f"ddtp:{tag}", suite, Path(path)) for tag, suite, path in fields]


def npm_pack(names, folder):
    """Packages "npm:name@version" from npm's registry."""
    if not shutil.which("npm"):
        raise FetchError("npm is not there")
    packages = []
    for name in names:
        specification = name.removeprefix("npm:")
        version = specification.split("@")[-1]
        archive = folder / "packages" / f"{specification.replace('@', '-')}.tgz"
        if not archive.exists():
            run(["npm", "pack", "--silent", "--cache", str(folder / "npm"), specification], folder / "packages")
        packages.append(Package(name.split("@")[0], version, archive))
    return packages


def package_files(package, wanted):
    """(path, bytes) of the regular files of a package for whose path wanted(path) is true, in the archive's order."""
    if package.name.startswith("ddtp:"):
        yield "/Translation-" + package.name.removeprefix("ddtp:"), uncompressed(package)
        return
    try:
        if package.path.suffix == ".tgz":
            with tarfile.open(package.path, "r:gz") as archive:
                yield from archive_files(archive, wanted)
        else:
            command = ["dpkg-deb", "--fsys-tarfile", package.path]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as unpacking:
                with tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive:
                    yield from archive_files(archive, wanted)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FetchError(f"{package.path} is damaged ({error}); remove it and start again") from error


def uncompressed(package):
    """The bytes of a list of apt, which may keep it compressed."""
    command = ["/usr/lib/apt/apt-helper", "cat-file", str(package.path)]
    try:
        return subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise FetchError(f"cannot read {package.path}: {error}") from error


def archive_files(archive, wanted):
    for member in archive:
        path = "/" + os.path.normpath(member.name)
        if member.isreg() and wanted(path):
            yield path, archive.extractfile(member).read()
