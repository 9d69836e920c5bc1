"""What `make package` made: that it runs on Amazon Linux 2023, and is small."""

import io
import pathlib
import re
import sys
import zipfile

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from emulator import ROOT

sys.path.insert(0, str(ROOT / "infra/aws"))

from package import FUNCTIONS, write_zip  # noqa: E402 (found by the path above)

# That of Amazon Linux 2023.
GLIBC = (2, 34)
ZIP_BYTES_MAX = 5_000_000
MACHINES = {"x86_64": "EM_X86_64", "arm64": "EM_AARCH64"}

pytestmark = pytest.mark.packaged


@pytest.fixture(params=MACHINES)
def arch(request: pytest.FixtureRequest) -> str:
    # The other one cannot be built everywhere.
    if request.param != "x86_64" and not archive_of("aws", request.param).exists():
        pytest.skip(f"not packaged: make package ARCH={request.param}")
    return request.param


@pytest.fixture(params=FUNCTIONS)
def archive(request: pytest.FixtureRequest, arch: str) -> pathlib.Path:
    return archive_of(request.param, arch)


def archive_of(function: str, arch: str) -> pathlib.Path:
    return ROOT / f"target/lambda/{function}-{arch}.zip"


@pytest.fixture
def bootstrap(archive: pathlib.Path) -> ELFFile:
    with zipfile.ZipFile(archive) as zipped:
        return ELFFile(io.BytesIO(zipped.read("bootstrap")))


def glibc_versions(elf: ELFFile) -> set[tuple[int, ...]]:
    """The versions of the C library whose symbols a program needs."""
    found = set()
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            for _, needs in section.iter_versions():
                for need in needs:
                    if version := re.fullmatch(r"GLIBC_([0-9.]+)", need.name):
                        found.add(tuple(int(it) for it in version[1].split(".")))
    return found


def test_no_symbol_is_newer_than_amazon_linux(bootstrap: ELFFile, archive: pathlib.Path) -> None:
    versions = glibc_versions(bootstrap)
    assert versions, "needs no symbol of glibc: is this the bootstrap?"
    newest = ".".join(map(str, max(versions)))
    print(f"{archive.stem} needs glibc {newest}")
    assert max(versions) <= GLIBC, newest


def test_it_needs_no_library_but_the_c_one(bootstrap: ELFFile) -> None:
    """The image of provided.al2023 has little else."""
    dynamic = bootstrap.get_section_by_name(".dynamic")
    needed = {it.needed for it in dynamic.iter_tags("DT_NEEDED")}
    loader = re.compile(r"ld-linux-[a-z0-9-]+\.so\.[0-9]+")
    others = {it for it in needed if not loader.fullmatch(it)}
    allowed = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "libpthread.so.0", "libdl.so.2"}
    assert others <= allowed | {"librt.so.1", "libutil.so.1"}


def test_it_is_of_its_architecture_and_stripped(bootstrap: ELFFile, arch: str) -> None:
    assert bootstrap.header["e_machine"] == MACHINES[arch]
    assert bootstrap.get_section_by_name(".symtab") is None


def test_the_zip_is_small_and_holds_one_program(archive: pathlib.Path) -> None:
    assert archive.stat().st_size <= ZIP_BYTES_MAX
    with zipfile.ZipFile(archive) as zipped:
        (entry,) = zipped.infolist()
    assert entry.filename == "bootstrap"
    assert entry.external_attr >> 16 == 0o100755


def test_the_same_bootstrap_gives_the_same_zip(tmp_path: pathlib.Path) -> None:
    bootstrap = tmp_path / "bootstrap"
    bootstrap.write_bytes(b"a program")
    write_zip(bootstrap, tmp_path / "first.zip")
    bootstrap.unlink()
    bootstrap.write_bytes(b"a program")
    write_zip(bootstrap, tmp_path / "second.zip")
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
