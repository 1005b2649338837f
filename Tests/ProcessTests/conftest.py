import pathlib

import pytest

from harness import native


@pytest.fixture(scope="session")
def runtime_program(tmp_path_factory):
    return native.runtime_program(
        pathlib.Path(__file__).with_name("runtime_program.swift"), tmp_path_factory.mktemp("program"))
