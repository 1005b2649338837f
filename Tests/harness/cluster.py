"""A whole cluster of processes on this machine: one placement driver, several stores."""

import pathlib
import shutil

from . import wire
from .process import Process, eventually, free_ports, http


class Store:
    """A store process and where it listens."""

    def __init__(self, cluster: "Cluster", number: int, port: int, status_port: int):
        self.cluster = cluster
        self.number = number
        self.port = port
        self.status_port = status_port
        self.data = cluster.directory / f"store{number}"
        self.process = Process(
            f"store{number}",
            [
                "node",
                "--addr", f"127.0.0.1:{port}",
                "--status-addr", f"127.0.0.1:{status_port}",
                "--pd-endpoints", f"127.0.0.1:{cluster.pd_port}",
                "--data-dir", str(self.data),
                "--log-level", "info",
                *cluster.node_options,
            ],
            cluster.directory / f"store{number}.log",
        )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def metric(self, name: str) -> float:
        """The sum of a metric's series."""
        code, text = http(self.status_port, "/metrics")
        assert code == 200, text
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if line.split("{")[0].split(" ")[0] == name)

    def ready(self) -> bool:
        return self.process.running and http(self.status_port, "/ready")[0] == 200


class Cluster:
    def __init__(
            self, directory: pathlib.Path, stores: int = 3, node_options=(), pd_options=(),
            store_ports=()):
        """`store_ports`: the port and the status port of the first stores, where they are given."""
        self.directory = pathlib.Path(directory)
        self.node_options = list(node_options)
        ports = free_ports(2 + 2 * stores)
        ports[2:2 + len(store_ports)] = store_ports
        self.pd_port, self.pd_status_port = ports[0], ports[1]
        self.pd = Process(
            "pd",
            [
                "pd",
                "--client-addr", f"127.0.0.1:{self.pd_port}",
                "--status-addr", f"127.0.0.1:{self.pd_status_port}",
                "--data-dir", str(self.directory / "pd"),
                *pd_options,
            ],
            self.directory / "pd.log",
        )
        self.stores = [
            Store(self, n + 1, ports[2 + 2 * n], ports[3 + 2 * n]) for n in range(stores)]
        self._channels = {}

    # Life

    def start(self) -> "Cluster":
        self.pd.start()
        for store in self.stores:
            store.process.start()
        self.wait_ready()
        return self

    def wait_ready(self, seconds: float = 60):
        """Every store serves, and every region has as many voters as there are stores (3 at most)."""
        want = min(3, len(self.stores))
        try:
            for store in self.stores:
                eventually(store.ready, seconds, f"store {store.number} ready")
            eventually(
                lambda: self.regions() and all(
                    self.healthy(region, want) for region in self.regions()),
                seconds, f"every region has {want} replicas")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from error

    @staticmethod
    def healthy(found, replicas: int) -> bool:
        peers = found.region.peers
        return (
            len(peers) == replicas
            and all(p.role == 0 for p in peers)
            and found.leader.id != 0
            and not found.pending_peers
        )

    def stop(self):
        for channel in self._channels.values():
            channel.close()
        for process in [s.process for s in self.stores] + [self.pd]:
            if process.child is not None and process.running:
                process.resume()
            process.kill()

    def logs(self, lines: int = 25) -> str:
        parts = [f"--- {p.name}\n{p.tail(lines)}" for p in [self.pd] + [s.process for s in self.stores]]
        return "\n".join(parts)

    def remove(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    # Asking the placement driver

    @property
    def pd_address(self) -> str:
        return f"127.0.0.1:{self.pd_port}"

    def channel(self, address: str):
        if address not in self._channels:
            self._channels[address] = wire.channel(address)
        return self._channels[address]

    @property
    def pd_stub(self):
        return wire.stubs("pdpb").PDStub(self.channel(self.pd_address))

    @property
    def cluster_id(self) -> int:
        pdpb = wire.module("pdpb")
        return self.pd_stub.GetMembers(pdpb.GetMembersRequest(), timeout=5).header.cluster_id

    def header(self):
        return wire.module("pdpb").RequestHeader(cluster_id=self.cluster_id)

    def regions(self):
        pdpb = wire.module("pdpb")
        reply = self.pd_stub.ScanRegions(
            pdpb.ScanRegionsRequest(header=self.header(), limit=1000), timeout=5)
        return list(reply.regions)

    def region(self, key: bytes = b""):
        pdpb = wire.module("pdpb")
        return self.pd_stub.GetRegion(
            pdpb.GetRegionRequest(header=self.header(), region_key=key), timeout=5)

    def pd_stores(self):
        pdpb = wire.module("pdpb")
        return list(
            self.pd_stub.GetAllStores(
                pdpb.GetAllStoresRequest(header=self.header()), timeout=5).stores)

    def store_of(self, store_id: int) -> Store:
        address = next(s.address for s in self.pd_stores() if s.id == store_id)
        return next(s for s in self.stores if s.address == address)

    def stream_identity(self, store: Store, sender: int = 1 << 40, incarnation: int = 1):
        """The headers by which a store introduces itself to another; the default sender is no member."""
        receiver = next(s.id for s in self.pd_stores() if s.address == store.address)
        return [
            ("apus-cluster-id", str(self.cluster_id)), ("apus-from-store", str(sender)),
            ("apus-to-store", str(receiver)), ("apus-incarnation", str(incarnation)),
        ]

    def leader(self, key: bytes = b"") -> Store:
        """The store that leads the region of a key, as the placement driver believes."""
        return eventually(
            lambda: self.store_of(self.region(key).leader.store_id), 20, "a leader is known")
