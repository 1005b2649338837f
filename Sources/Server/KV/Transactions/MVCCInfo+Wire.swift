import Codec
import Transaction
import Wire

extension MVCCInfo {
  /// Everything that is stored of a key, for inspection.
  var wire: Kvrpcpb_MvccInfo {
    var wire = Kvrpcpb_MvccInfo()
    if let lock { wire.lock = lock.wire }
    wire.writes = records.map(\.wire)
    wire.values = values.map { value in
      .with {
        $0.startTs = value.startTS.value
        $0.value = value.value.data
      }
    }
    return wire
  }
}

extension Lock {
  fileprivate var wire: Kvrpcpb_MvccLock {
    var wire = Kvrpcpb_MvccLock()
    wire.type = kind.wire
    wire.startTs = startTS.value
    wire.primary = primary.data
    wire.shortValue = (shortValue ?? []).data
    wire.ttl = ttl
    wire.forUpdateTs = forUpdateTS.value
    wire.txnSize = txnSize
    wire.useAsyncCommit = usesAsyncCommit
    wire.secondaries = secondaries.map(\.data)
    wire.rollbackTs = rollbackTS.map(\.value)
    (wire.lastChangeTs, wire.versionsToLastChange) = lastChange.numbers
    return wire
  }
}

extension MVCCInfo.Record {
  fileprivate var wire: Kvrpcpb_MvccWrite {
    var wire = Kvrpcpb_MvccWrite()
    switch record.kind {
    case .put: wire.type = .put
    case .delete: wire.type = .del
    case .lock: wire.type = .lock
    case .rollback: wire.type = .rollback
    }
    wire.startTs = record.startTS.value
    wire.commitTs = commitTS.value
    wire.shortValue = (record.shortValue ?? []).data
    wire.hasOverlappedRollback_p = record.hasOverlappedRollback
    wire.hasGcFence_p = record.gcFence != nil
    wire.gcFence = record.gcFence?.value ?? 0
    (wire.lastChangeTs, wire.versionsToLastChange) = record.lastChange.numbers
    return wire
  }
}

extension LastChange {
  /// As in the stored record: no put or delete below is timestamp 0 with one version.
  fileprivate var numbers: (commitTS: UInt64, versions: UInt64) {
    switch self {
    case .unknown: (0, 0)
    case .none: (0, 1)
    case .at(let commitTS, let versions): (commitTS.value, versions)
    }
  }
}
