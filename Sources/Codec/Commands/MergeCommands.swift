package import Protobuf
package import Raft

extension AdminCommand {
  /// The first step of a merge, in the log of the region that is to end, the source:
  /// `raft_cmdpb.PrepareMergeRequest`. From here on the source takes no writes and serves no reads.
  package struct PrepareMerge: Sendable, Hashable {
    /// All members of the source hold its log in front of this index.
    package var minIndex: UInt64
    /// The neighbor that the source is merged into. If its epoch is another one when the merge is to be committed,
    /// nothing comes of the merge.
    package var target: Region

    package init(minIndex: UInt64, target: Region) {
      self.minIndex = minIndex
      self.target = target
    }
  }

  /// The second step, in the log of the target, which takes over the range of the source:
  /// `raft_cmdpb.CommitMergeRequest`.
  package struct CommitMerge: Sendable, Hashable {
    /// The source after its `prepareMerge`.
    package var source: Region
    /// The index of the `prepareMerge`, up to which every peer of the source must have applied its log before its
    /// range changes owner.
    package var commit: UInt64
    /// The entries of the source that not all of its members may have, up to `commit`, without a gap.
    package var entries: [Entry]

    package init(source: Region, commit: UInt64, entries: [Entry]) {
      self.source = source
      self.commit = commit
      self.entries = entries
    }

    /// Entries of one merge. Far more than a source may have that are not on all members
    /// (`RaftstoreConfig.merge`).
    package static let maxEntries = 4096
  }
}

extension AdminCommand.PrepareMerge: ProtoRecord {
  package init() { self.init(minIndex: 0, target: Region()) }

  package var protoSize: Int { ProtoSize.uint64(minIndex) + ProtoSize.record(target) }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, minIndex)
    writer.record(2, target)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&minIndex)
      case 2: try reader.read(&target)
      default: try reader.skip()
      }
    }
  }
}

extension AdminCommand.CommitMerge: ProtoRecord {
  package init() { self.init(source: Region(), commit: 0, entries: []) }

  package var protoSize: Int {
    ProtoSize.record(source) + ProtoSize.uint64(commit) + ProtoSize.records(entries)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.record(1, source)
    writer.uint64(2, commit)
    writer.records(3, entries)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&source)
      case 2: try reader.read(&commit)
      case 3:
        try reader.append(to: &entries)
        guard entries.count <= Self.maxEntries else {
          throw CodecError(.malformed, "more than \(Self.maxEntries) entries of a merge")
        }
      default: try reader.skip()
      }
    }
  }
}
