import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness.cluster import Cluster  # noqa: E402


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Three stores for the tests of a module that leave it healthy."""
    made = Cluster(tmp_path_factory.mktemp("cluster"), stores=3)
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture
def make_cluster(tmp_path):
    """Makes clusters of a test's own, and ends them."""
    made = []

    def make(stores: int = 3, **options):
        cluster = Cluster(tmp_path / f"cluster{len(made)}", stores=stores, **options)
        cluster.directory.mkdir(parents=True)
        made.append(cluster)
        return cluster.start()

    yield make
    for cluster in made:
        cluster.remove()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the processes' logs beside a failure."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        cluster = item.funcargs.get("cluster")
        if cluster is not None:
            report.sections.append(("processes", cluster.logs()))
