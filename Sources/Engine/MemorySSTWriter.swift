import Runtime

/// Collects pairs in memory and writes the file in `finish`.
final class MemorySSTWriter: SSTWriter {
  private let path: String
  private let files: any FileSystem
  private var content = MemorySST.magic
  private var last: [UInt8]?
  private var open = true
  private(set) var count: UInt64 = 0

  init(path: String, files: any FileSystem) {
    self.path = path
    self.files = files
  }

  var fileSize: UInt64 { UInt64(content.count) }

  func put(_ key: [UInt8], _ value: [UInt8]) throws(EngineError) {
    try put(key.span.bytes, value.span.bytes)
  }

  func put(_ key: RawSpan, _ value: RawSpan) throws(EngineError) {
    guard open else { throw misuse("the file is finished") }
    let added = key.withUnsafeBytes { [UInt8]($0) }
    if let last, !last.lexicographicallyPrecedes(added) {
      throw misuse("keys must be added in strict ascending order")
    }
    MemorySST.append(key, value, to: &content)
    last = added
    count += 1
  }

  func finish() throws(EngineError) -> UInt64 {
    guard open else { throw misuse("the file is finished") }
    guard count > 0 else { throw misuse("an SST file needs at least one pair") }
    MemorySST.seal(&content, count: count)
    do throws(FileSystemError) {
      let file = try files.create(path, exclusive: false)
      try file.append(content)
      try file.sync()
    } catch {
      throw EngineError(error)
    }
    open = false
    return fileSize
  }

  func abandon() { open = false }

  private func misuse(_ what: String) -> EngineError {
    EngineError(.invalid, operation: "write \(path)", message: "Invalid argument: \(what)")
  }
}

extension EngineError {
  init(_ error: FileSystemError) {
    self.init(.io, operation: "\(error.operation) \(error.path)", message: error.reason)
  }
}
