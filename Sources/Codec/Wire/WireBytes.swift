#if canImport(FoundationEssentials)
  package import FoundationEssentials
#else
  package import Foundation
#endif

// Generated messages hold bytes as `Data`; nothing else in here names that type.

extension [UInt8] {
  /// The same bytes as a generated message holds them.
  package var data: Data { Data(self) }
}
