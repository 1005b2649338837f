import Codec
import Protobuf
import Raft

/// Goes through an entry's command and keeps only what it says of compacting the log.
struct CompactionReader: CommandVisitor {
  private(set) var index: UInt64?
  private(set) var term: UInt64 = 0
  /// The merge that the entry commits; nil when it commits none.
  private(set) var merge: AdminCommand.CommitMerge?

  /// Entries with such a command are never longer (`EnvelopeCheck` sees to that): what is longer is not
  /// looked at.
  static let maxBytes = 128

  /// The last entry that is to be cut away, as the command names it; nil when the entry compacts nothing.
  static func compaction(in entry: Entry) -> (index: UInt64, term: UInt64)? {
    guard entry.type == .normal, !entry.data.isEmpty, entry.data.count <= maxBytes else {
      return nil
    }
    var reader = CompactionReader()
    do throws(CodecError) {
      try CommandCodec.visit(entry.data, &reader)
    } catch {
      // `EnvelopeCheck` refuses what cannot be read.
      return nil
    }
    return reader.index.map { ($0, reader.term) }
  }

  mutating func begin(_ header: CommandHeader) -> Bool { true }
  mutating func put(_ cf: DataCF, _ key: RawSpan, _ value: RawSpan) {}
  mutating func delete(_ cf: DataCF, _ key: RawSpan) {}
  mutating func deleteRange(
    _ cf: DataCF, from start: RawSpan, to end: RawSpan, notifyOnly: Bool
  ) {}

  mutating func admin(_ command: AdminCommand) {
    switch command {
    case .compactLog(let index, let term): (self.index, self.term) = (index, term)
    case .commitMerge(let merge): self.merge = merge
    default: break
    }
  }
}
