import Codec
import Raft

/// What a message from another store must fulfil to be looked at, whatever this store knows of its region.
///
/// Pure, and applied once in front of everything that handles messages: behind it ids are ids of something,
/// the raft message is from and to the peers the envelope names, and epochs can be counted up.
enum EnvelopeCheck {
  /// Epochs count changes of one region; nothing comes near this.
  static let maxEpoch: UInt64 = 1 << 62

  /// Why the envelope is refused; nil when it is well formed.
  static func problem(of envelope: RaftEnvelope) -> String? {
    guard envelope.regionID != 0 else { return "it names no region" }
    for peer in [envelope.from, envelope.to] {
      guard peer.id != NodeID.none, !NodeID.isThread(peer.id), peer.storeID != 0 else {
        return "peer \(peer.id) on store \(peer.storeID) cannot exist"
      }
    }
    guard isPossible(envelope.epoch) else { return "epoch \(envelope.epoch) is out of range" }
    guard let message = envelope.message else { return nil }
    guard message.from == envelope.from.id, message.to == envelope.to.id else {
      return "a message from \(message.from) to \(message.to) in an envelope from "
        + "\(envelope.from.id) to \(envelope.to.id)"
    }
    guard !message.type.isLocal else { return "\(message.type) never leaves a store" }
    // Reads have what is theirs in place of a command.
    let carriesReads = message.type == .readIndex || message.type == .readIndexResponse
    for entry in message.entries where !carriesReads && !isReadable(entry) {
      return "entry \(entry.index) is of type \(entry.type) and cannot be read"
    }
    return nil
  }

  /// Whether an entry can be applied once it is committed. One that cannot ends every store that has
  /// it, at each restart: by then nothing else is left to do, for skipping it would make replicas
  /// differ. So it must not get into a log. Keys and values are passed over, not looked at: this costs
  /// less than the decoding of the message has.
  ///
  /// - Parameter isShipped: it is an entry of another region's log inside of one that commits a merge.
  private static func isReadable(_ entry: Entry, isShipped: Bool = false) -> Bool {
    do {
      if entry.type == .normal {
        // What the core appends by itself has no data.
        if entry.data.isEmpty { return true }
        var visitor = CompactionReader()
        try CommandCodec.visit(entry.data, &visitor)
        if isShipped { return visitor.index == nil && visitor.merge == nil }
        if let merge = visitor.merge { return isReadable(merge) }
        // A longer one would be padded, so that `CompactionReader` does not look at it.
        return visitor.index == nil || entry.data.count <= CompactionReader.maxBytes
      }
      guard let change = try ConfChangeV2.carried(by: entry), !change.context.isEmpty else {
        return true
      }
      _ = try CommandCodec.decode(change.context)
      return true
    } catch {
      return false
    }
  }

  /// Whether the entries of the source that a merge carries can be appended to its log: normal ones, up to the merge,
  /// without a gap. Only the last of them, which prepared the merge, changes the region.
  private static func isReadable(_ merge: AdminCommand.CommitMerge) -> Bool {
    guard var index = merge.entries.first?.index else { return true }
    guard index > 0, merge.commit < maxEpoch, merge.entries.last?.index == merge.commit else {
      return false
    }
    for entry in merge.entries {
      guard entry.index == index, entry.type == .normal, isReadable(entry, isShipped: true)
      else { return false }
      index += 1
    }
    return true
  }

  /// Why a region that another store describes cannot be taken over; nil when it can.
  static func problem(of region: Region) -> String? {
    guard region.id != 0 else { return "it has no id" }
    guard isPossible(region.epoch) else { return "epoch \(region.epoch) is out of range" }
    guard !region.range.isEmpty else { return "its range \(region.range) is empty" }
    var peers: Set<UInt64> = []
    var stores: Set<UInt64> = []
    for peer in region.peers {
      guard peer.id != NodeID.none, !NodeID.isThread(peer.id), peer.storeID != 0 else {
        return "peer \(peer.id) on store \(peer.storeID) cannot exist"
      }
      guard peers.insert(peer.id).inserted else { return "peer \(peer.id) is named twice" }
      guard stores.insert(peer.storeID).inserted else {
        return "store \(peer.storeID) is named twice"
      }
    }
    return region.peers.isEmpty ? "it has no peers" : nil
  }

  private static func isPossible(_ epoch: RegionEpoch) -> Bool {
    epoch.version < maxEpoch && epoch.confVersion < maxEpoch
  }
}
