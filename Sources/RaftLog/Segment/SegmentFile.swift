import Runtime
import Synchronization

/// An open file of a segment log.
final class SegmentFile: Sendable {
  let path: String
  let handle: any RandomAccessFile
  let header: SegmentHeader
  /// Encrypts and decrypts; nil for a plain file.
  let cipher: (any SegmentCipher)?
  /// Readers that may still read it, so that its space is not written over.
  private let pins = Atomic<Int>(0)

  init(
    path: String, handle: any RandomAccessFile, header: SegmentHeader,
    cipher: (any SegmentCipher)?
  ) {
    self.path = path
    self.handle = handle
    self.header = header
    self.cipher = cipher
  }

  var sequence: UInt64 { header.sequence }

  func pin() { pins.add(1, ordering: .acquiringAndReleasing) }
  func unpin() { pins.subtract(1, ordering: .acquiringAndReleasing) }
  var isPinned: Bool { pins.load(ordering: .acquiring) > 0 }

  /// An error of this file's contents.
  func corrupted(_ offset: UInt64, _ reason: String) -> LogStoreError {
    .corrupted(
      location: "\(path), offset \(offset)",
      reason: "\(reason); restore the file, or open the log in salvage mode and replicate the "
        + "fenced regions again")
  }

  /// The indexes of entries that frames of the file contain, by region and index. Parts of them may be elsewhere now.
  func ranges() throws(LogStoreError) -> [(region: UInt64, range: Range<UInt64>)] {
    var scanner = try FrameScanner(self)
    let frames =
      if let sealed = try scanner.sealed().result { sealed.frames } else {
        try scanner.scan().frames
      }
    var spans: [(region: UInt64, range: Range<UInt64>)] = []
    for frame in frames {
      for item in frame.items {
        switch item {
        case .append(let span), .move(let span): spans.append((span.region, span.first..<span.end))
        default: break
        }
      }
    }
    spans.sort { ($0.region, $0.range.lowerBound) < ($1.region, $1.range.lowerBound) }
    var merged: [(region: UInt64, range: Range<UInt64>)] = []
    for (region, range) in spans {
      if let last = merged.last, last.region == region, range.lowerBound <= last.range.upperBound {
        let end = max(last.range.upperBound, range.upperBound)
        merged[merged.count - 1].range = last.range.lowerBound..<end
      } else {
        merged.append((region, range))
      }
    }
    return merged
  }

  func read(at offset: UInt64, upTo count: Int) throws(LogStoreError) -> [UInt8] {
    do throws(FileSystemError) {
      return try handle.read(at: offset, upTo: count)
    } catch {
      throw LogStoreError(error)
    }
  }
}

/// Encrypts the frames of one file with authentication.
package protocol SegmentCipher: Sendable {
  /// Encrypts `plain` in a frame with this LSN, and returns the ciphertext, of the same length, and a tag of 16 bytes.
  /// An LSN is used once per file.
  func seal(
    _ plain: [UInt8], lsn: UInt64, authenticating: [UInt8]
  ) throws(LogStoreError) -> (sealed: [UInt8], tag: [UInt8])
  /// The plain bytes; nil if they or `authenticating` were changed.
  func open(
    _ sealed: [UInt8], tag: [UInt8], lsn: UInt64, authenticating: [UInt8]
  ) -> [UInt8]?
}

/// The keys that encrypt the files of a log. Each file has a key of its own, which is stored in its header encrypted by
/// a master key.
package protocol SegmentKeys: Sendable {
  /// A new key for a file, and its form encrypted by the present master key: 60 bytes.
  func makeCipher(
    sequence: UInt64, salt: UInt64
  ) throws(LogStoreError) -> (masterKeyID: UInt64, wrappedKey: [UInt8], cipher: any SegmentCipher)
  /// The key of a file. Throws `wrongKey` if its master key is missing or another.
  func cipher(
    masterKeyID: UInt64, wrappedKey: [UInt8], sequence: UInt64, salt: UInt64, path: String
  ) throws(LogStoreError) -> any SegmentCipher
}

extension LogStoreError {
  init(_ error: FileSystemError) {
    switch error.code {
    // ENOSPC, EDQUOT
    case 28, 122: self = .noSpace("\(error); free space and try again")
    // EPERM, EACCES, EROFS
    case 1, 13, 30: self = .denied(path: error.path, reason: "\(error.operation): \(error.reason)")
    default: self = .io(operation: "\(error.operation) \(error.path)", reason: error.reason)
    }
  }
}
