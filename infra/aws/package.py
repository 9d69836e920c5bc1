"""Builds what the template deploys: target/lambda/NAME/bootstrap for each function, and it as a zip.

Run by `make package`, in target/venv. The bootstraps are built against the C library of Amazon
Linux 2023, whatever this machine has. The same bootstrap gives the same zip.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LAMBDA = ROOT / "target/lambda"
# Each is the package callerwatch-NAME, with the program bootstrap-NAME.
FUNCTIONS = sorted(it.parent.name for it in ROOT.glob("functions/*/Cargo.toml"))
# Amazon Linux 2023 has this one.
GLIBC = "2.34"
PROFILE = "dist"
TARGETS = {"x86_64": "x86_64-unknown-linux-gnu", "arm64": "aarch64-unknown-linux-gnu"}
# The first instant that a zip can tell.
EPOCH = (1980, 1, 1, 0, 0, 0)


def main() -> None:
    """Builds for one architecture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", choices=sorted(TARGETS), required=True)
    arch = parser.parse_args().arch
    install_target(arch)
    built = build(arch)
    for name in FUNCTIONS:
        bootstrap = LAMBDA / name / "bootstrap"
        bootstrap.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(built / f"bootstrap-{name}/bootstrap", bootstrap)
        bootstrap.chmod(0o755)
        archive = LAMBDA / f"{name}-{arch}.zip"
        write_zip(bootstrap, archive)
        print(f"{bootstrap}: {bootstrap.stat().st_size:,} bytes, {arch}")
        print(f"{archive}: {archive.stat().st_size:,} bytes")


def install_target(arch: str) -> None:
    """Makes sure that Rust can build for the architecture; says so where it cannot."""
    target = TARGETS[arch]
    sysroot = subprocess.run(
        ["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout.strip()
    if (pathlib.Path(sysroot) / "lib/rustlib" / target / "lib").is_dir():
        return
    if shutil.which("rustup"):
        added = subprocess.run(["rustup", "target", "add", target], check=False, cwd=ROOT)
        if added.returncode == 0:
            return
    sys.exit(f"package: Rust has no target {target} here, and it cannot be installed")


def build(arch: str) -> pathlib.Path:
    """Builds the bootstraps, and says in which folder they are."""
    target_dir = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    binaries = pathlib.Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
    command = ["cargo-lambda", "lambda", "build", "--profile", PROFILE, "--locked"]
    for name in FUNCTIONS:
        command += ["--package", f"callerwatch-{name}", "--bin", f"bootstrap-{name}"]
    command += ["--target", f"{TARGETS[arch]}.{GLIBC}"]
    # Its copies of the bootstraps are not used, and must not take the place of others.
    command += ["--lambda-dir", str(target_dir / "cargo-lambda" / arch)]
    built = subprocess.run(command, check=False, cwd=ROOT, env=environment)
    if built.returncode != 0:
        sys.exit(f"package: building for {arch} failed")
    return target_dir / "cargo-lambda" / arch


def write_zip(bootstrap: pathlib.Path, archive: pathlib.Path) -> None:
    """Writes a zip that holds the bootstrap, with nothing in it of when or where it was made."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        entry = zipfile.ZipInfo("bootstrap", EPOCH)
        entry.create_system = 3  # Unix, or the permissions count for nothing.
        entry.external_attr = 0o100755 << 16
        zipped.writestr(entry, bootstrap.read_bytes(), zipfile.ZIP_DEFLATED, 9)


if __name__ == "__main__":
    main()
