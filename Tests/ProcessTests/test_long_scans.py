"""A client that scans large values delays no other client: its reads run beside the event loop."""

import threading

from harness import wire

KEYS = 24
VALUE = b"v" * (2 << 20)
SCANS = 6


def test_gets_go_on_beside_long_scans(make_cluster):
    cluster = make_cluster(stores=3)
    kv = wire.module("kvrpcpb")
    found = cluster.region()
    context = kv.Context(
        region_id=found.region.id, region_epoch=found.region.region_epoch, peer=found.leader)
    address = cluster.leader().address

    def method(name, channel):
        return channel.unary_unary(
            f"/tikvpb.Tikv/{name}", request_serializer=bytes, response_deserializer=bytes)

    put = method("RawPut", cluster.channel(address))
    for number in range(KEYS):
        request = kv.RawPutRequest(context=context, key=b"large%02d" % number, value=VALUE)
        reply = kv.RawPutResponse.FromString(put(request.SerializeToString(), timeout=30))
        assert not reply.error and not reply.HasField("region_error"), reply

    scan_request = kv.RawScanRequest(
        context=context, start_key=b"large", limit=KEYS).SerializeToString()
    get_request = kv.RawGetRequest(context=context, key=b"small").SerializeToString()
    sizes, done = [], threading.Event()

    def scan():
        try:
            with wire.channel(address) as channel:
                for _ in range(SCANS):
                    sizes.append(len(method("RawScan", channel)(scan_request, timeout=60)))
        finally:
            done.set()

    scanner = threading.Thread(target=scan)
    gets = 0
    with wire.channel(address) as channel:
        get = method("RawGet", channel)
        get(get_request, timeout=30)
        scanner.start()
        while not done.is_set():
            reply = kv.RawGetResponse.FromString(get(get_request, timeout=30))
            assert reply.not_found and not reply.HasField("region_error"), reply
            gets += 1
    scanner.join()
    assert len(sizes) == SCANS and min(sizes) > KEYS * len(VALUE)
    # Gets that wait for scans finish with them, one or two to each.
    assert gets > 10 * SCANS, f"{gets} gets during {SCANS} scans"
