/// Why bytes could not be understood. Nothing in here is a fault of this process.
public struct CodecError: Error, Sendable, Hashable {
  /// What is wrong with the bytes.
  public enum Reason: Sendable, Hashable {
    /// The input ends inside a value.
    case truncated
    /// A number of more than 64 bits.
    case malformedVarint
    /// A field number or wire type that does not exist, or groups that do not close.
    case malformedTag
    /// A number that this version has no meaning for.
    case unknownNumber(UInt64)
    /// A field that may stand once only is duplicated.
    case repeated
    /// A field without which the record makes no sense.
    case missing
    /// Bytes that break a rule of their own encoding.
    case malformed
    /// Well-formed, but nothing that belongs here.
    case unsupported
  }

  public var reason: Reason
  /// What was being read.
  public var subject: String
  /// Where in the input the reader stood, where that is known.
  public var offset: Int?

  public init(_ reason: Reason, _ subject: String, offset: Int? = nil) {
    self.reason = reason
    self.subject = subject
    self.offset = offset
  }
}

extension CodecError: CustomStringConvertible {
  public var description: String {
    let place = offset.map { " at byte \($0)" } ?? ""
    return switch reason {
    case .truncated: "\(subject): truncated\(place)"
    case .malformedVarint: "\(subject): malformed number\(place)"
    case .malformedTag: "\(subject): malformed field\(place)"
    case .unknownNumber(let number): "\(subject): unknown number \(number)\(place)"
    case .repeated: "\(subject): duplicate\(place)"
    case .missing: "\(subject): missing\(place)"
    case .malformed: "\(subject): malformed\(place)"
    case .unsupported: "\(subject): not supported\(place)"
    }
  }
}
