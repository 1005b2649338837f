"""Code in other languages that stands beside the tests, built when a test needs it."""

import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILER = shutil.which("clang") or shutil.which("cc") or shutil.which("gcc")


def shared_library(source: pathlib.Path, directory: pathlib.Path) -> pathlib.Path:
    """A C file, built into `directory` to be loaded before all other libraries."""
    if not COMPILER:
        pytest.skip("no C compiler")
    library = directory / source.with_suffix(".so").name
    subprocess.run(
        [COMPILER, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source, "-ldl"],
        check=True)
    return library


def runtime_program(source: pathlib.Path, directory: pathlib.Path) -> pathlib.Path:
    """A Swift program with the sources of Runtime and CPlatform compiled into it."""
    platform = ROOT / "Sources/CPlatform"
    objects = []
    for file in sorted(platform.glob("*.c")):
        objects.append(directory / f"{file.stem}.o")
        subprocess.run(
            [COMPILER or "clang", "-c", "-fPIC", "-I", platform / "include", "-o", objects[-1], file],
            check=True)
    (directory / "module.modulemap").write_text(
        f'module CPlatform {{ header "{platform}/include/CPlatform.h" }}\n')
    program = directory / source.stem
    subprocess.run(
        ["swiftc", "-swift-version", "6", "-parse-as-library", "-package-name", "apus", "-I", directory,
         "-o", program, *sorted((ROOT / "Sources/Runtime").glob("*.swift")), source, *objects],
        check=True)
    return program
