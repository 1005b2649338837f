import Runtime

/// Reads the frames of one segment, from its footer or one after the other.
struct FrameScanner {
  /// Where reading one after the other stopped: the end of what was written, or damage.
  struct Fault: Sendable {
    var offset: UInt64
    /// The LSN that the frame there has or would have.
    var lsn: UInt64
    var reason: String
    /// Whether `reason` can only be a newer version's doing.
    var isNewer = false
    /// The changes of a frame whose payload alone is damaged; nil: they are not known.
    var items: [SegmentItem]?
  }

  struct Result {
    var frames: [FrameRecord] = []
    /// Directory of `frames`, for sealing. Empty if they come from a footer.
    var directory = FrameDirectory()
    /// The offset after the last frame.
    var end = UInt64(SegmentFormat.headerSize)
    /// The offset of the last frame; 0: there is none.
    var last: UInt64 = 0
    var lastLSN: UInt64
    /// Nil only for a sealed file, and for one read up to a given LSN.
    var fault: Fault?
    /// Some frames beyond `fault` that can be read; only if asked for.
    var beyond: [FrameRecord] = []
    /// The highest durable mark in the file, also of frames beyond `fault`.
    var mark: UInt64 = 0
    var isSealed = false
    /// Whether the file is shorter than it was: any number of frames may be missing.
    var isCut = false
  }

  private static let window = 1 << 20

  private let file: SegmentFile
  private let size: UInt64
  private var window: [UInt8] = []
  private var windowStart: UInt64 = 0

  init(_ file: SegmentFile) throws(LogStoreError) {
    self.file = file
    do throws(FileSystemError) {
      size = try file.handle.size()
    } catch {
      throw LogStoreError(error)
    }
  }

  // MARK: By footer

  /// The frames by the footer; nil if the file is not sealed or its footer is damaged, for which `defect` has the
  /// reason.
  mutating func sealed() throws(LogStoreError) -> (result: Result?, defect: String?) {
    let header = UInt64(SegmentFormat.headerSize)
    guard size >= header + UInt64(SegmentFormat.trailerSize) else { return (nil, nil) }
    let start = size - UInt64(SegmentFormat.trailerSize)
    let bytes = try file.read(at: start, upTo: SegmentFormat.trailerSize)
    guard let trailer = SegmentTrailer.decode(bytes, salt: file.header.salt) else {
      return (nil, nil)
    }
    guard trailer.offset >= header, trailer.offset <= start,
      UInt64(trailer.length) <= start - trailer.offset
    else { return (nil, "the trailer refers to bytes outside of the file") }
    var footer = try file.read(at: trailer.offset, upTo: Int(trailer.length))
    guard footer.count == Int(trailer.length), CRC32C.of(footer) == trailer.footerCRC else {
      return (nil, "the footer does not match its checksum")
    }
    if let cipher = file.cipher {
      guard let plain = Self.openFooter(footer, cipher) else {
        return (nil, "the footer is not authentic")
      }
      footer = plain
    }
    do throws(SegmentDefect) {
      var result = Result(lastLSN: trailer.lastLSN)
      result.frames = try FrameDirectory.decode(footer).frames
      result.end = trailer.offset
      result.last = result.frames.last?.offset ?? 0
      result.mark = trailer.lastLSN
      result.isSealed = true
      guard Self.isDense(result.frames, from: file.header.firstLSN, to: trailer.lastLSN) else {
        throw SegmentDefect("the footer skips a frame")
      }
      return (result, nil)
    } catch {
      return (nil, error.reason)
    }
  }

  private static func openFooter(_ footer: [UInt8], _ cipher: any SegmentCipher) -> [UInt8]? {
    guard footer.count >= SegmentFormat.tagSize else { return nil }
    let tag = Array(footer.suffix(SegmentFormat.tagSize))
    return cipher.open(
      Array(footer.dropLast(SegmentFormat.tagSize)), tag: tag, lsn: .max, authenticating: [])
  }

  private static func isDense(_ frames: [FrameRecord], from: UInt64, to: UInt64) -> Bool {
    guard UInt64(frames.count) == to &+ 1 &- from else { return false }
    return frames.enumerated().allSatisfy { $1.lsn == from + UInt64($0) }
  }

  // MARK: One after the other

  /// The frames up to the first that is damaged or missing.
  ///
  /// - Parameters:
  ///   - until: the LSN of the last frame, if it is known; nothing behind it is looked at.
  ///   - beyond: whether frames behind a fault are collected.
  mutating func scan(
    until: UInt64? = nil, beyond: Bool = false
  ) throws(LogStoreError) -> Result {
    var result = Result(lastLSN: file.header.firstLSN - 1)
    while until.map({ result.lastLSN < $0 }) ?? true {
      switch try frame(at: result.end, expecting: result.lastLSN + 1, after: result.last) {
      case .frame(let record, let header, let items):
        result.directory.add(header, offset: record.offset, items: items, decoded: record.items)
        result.frames.append(record)
        result.mark = max(result.mark, header.durableLSN)
        result.last = record.offset
        result.lastLSN = record.lsn
        result.end += UInt64(header.frameLength)
      case .fault(let fault):
        result.fault = fault
        try resynchronize(&result, collecting: beyond)
        return result
      }
    }
    return result
  }

  private enum Step {
    case frame(FrameRecord, FrameHeader, items: ArraySlice<UInt8>)
    case fault(Fault)
  }

  private mutating func frame(
    at offset: UInt64, expecting lsn: UInt64?, after previous: UInt64?
  ) throws(LogStoreError) -> Step {
    func fault(_ reason: String, _ lsn: UInt64, _ items: [SegmentItem]? = nil) -> Step {
      .fault(Fault(offset: offset, lsn: lsn, reason: reason, items: items))
    }
    let headerSize = SegmentFormat.frameHeaderSize
    var at = try load(offset, headerSize)
    guard let header = FrameHeader.decode(window, at: at, salt: file.header.salt) else {
      return fault("there is no valid frame", lsn ?? 0)
    }
    let length = header.frameLength
    guard UInt64(length) <= size - offset, length % SegmentFormat.alignment == 0,
      lsn == nil || header.lsn == lsn, previous == nil || header.previous == previous,
      header.durableLSN < header.lsn, header.flags.contains(.sealed) == (file.cipher != nil)
    else { return fault("the frame does not fit the file", lsn ?? header.lsn) }
    guard header.codec <= PayloadCodec.lz4, FrameHeader.Flags.known.isSuperset(of: header.flags)
    else {
      return .fault(
        Fault(
          offset: offset, lsn: header.lsn,
          reason: "the frame has codec \(header.codec) and flags \(header.flags.rawValue)",
          isNewer: true))
    }
    at = try load(offset, length)
    guard window.count - at >= length else { return fault("the frame is cut off", header.lsn) }
    return check(header, at, offset)
  }

  /// Checks the contents of a frame that is in the window.
  private func check(_ header: FrameHeader, _ at: Int, _ offset: UInt64) -> Step {
    let body = at + SegmentFormat.frameHeaderSize
    let itemsStart = body + Int(header.storedLength)
    let itemsEnd = itemsStart + Int(header.itemsLength)
    func fault(_ reason: String, _ items: [SegmentItem]? = nil) -> Step {
      .fault(Fault(offset: offset, lsn: header.lsn, reason: reason, items: items))
    }
    guard checksum(itemsStart..<itemsEnd) == header.itemsCRC else {
      return fault("the items do not match their checksum")
    }
    let payloadIsValid = checksum(body..<itemsStart) == header.payloadCRC
    var items = window[itemsStart..<itemsEnd]
    if let cipher = file.cipher {
      let tag = Array(window[itemsEnd..<itemsEnd + SegmentFormat.tagSize])
      guard
        let plain = cipher.open(
          Array(window[body..<itemsEnd]), tag: tag, lsn: header.lsn,
          authenticating: header.authenticated)
      else { return fault("the frame is not authentic") }
      items = plain[(itemsStart - body)...]
    }
    do throws(SegmentDefect) {
      let decoded = try SegmentItem.decode(Array(items), payload: Int(header.rawLength))
      guard payloadIsValid else {
        return fault("the payload does not match its checksum", decoded)
      }
      let end = at + header.frameLength
      guard window[end - Int(header.padding)..<end].allSatisfy({ $0 == 0 }) else {
        return fault("the padding is not zero", decoded)
      }
      let record = FrameRecord(
        offset: offset, lsn: header.lsn, group: header.group, flags: header.flags,
        rawLength: header.rawLength, items: decoded)
      return .frame(record, header, items: items)
    } catch {
      return .fault(
        Fault(offset: offset, lsn: header.lsn, reason: error.reason, isNewer: error.isNewer))
    }
  }

  private func checksum(_ range: Range<Int>) -> UInt32 {
    window.withUnsafeBytes { CRC32C.of(UnsafeRawBufferPointer(rebasing: $0[range])) }
  }

  /// Looks for frames behind a fault: their marks say whether what is missing was durable.
  private mutating func resynchronize(
    _ result: inout Result, collecting: Bool
  ) throws(LogStoreError) {
    guard let fault = result.fault else { return }
    var offset = fault.offset
    while offset + UInt64(SegmentFormat.frameHeaderSize) <= size {
      let at = try load(offset, SegmentFormat.frameHeaderSize)
      guard let found = nextHeader(from: at) else {
        offset = windowStart + UInt64(max(window.count - SegmentFormat.frameHeaderSize, at))
        offset = (offset + 8) / 8 * 8
        continue
      }
      offset = windowStart + UInt64(found.at)
      result.mark = max(result.mark, found.header.durableLSN)
      var step = UInt64(SegmentFormat.alignment)
      if collecting, offset > fault.offset,
        case .frame(let record, let header, _) = try frame(at: offset, expecting: nil, after: nil)
      {
        result.beyond.append(record)
        step = UInt64(header.frameLength)
      }
      offset += step
    }
  }

  /// The next header in the window.
  private func nextHeader(from start: Int) -> (at: Int, header: FrameHeader)? {
    let last = window.count - SegmentFormat.frameHeaderSize
    let magic = SegmentFormat.frameMagic
    var at = start
    while at <= last {
      let next = window.withUnsafeBytes { memory in
        var at = at
        while at <= last {
          let word = memory.loadUnaligned(fromByteOffset: at, as: UInt32.self)
          if UInt32(littleEndian: word) == magic { break }
          at += SegmentFormat.alignment
        }
        return at
      }
      if next > last { return nil }
      if let header = FrameHeader.decode(window, at: next, salt: file.header.salt) {
        return (next, header)
      }
      at = next + SegmentFormat.alignment
    }
    return nil
  }

  /// Has `count` bytes from `offset` in the window, fewer only at the end of the file, and returns where they start.
  private mutating func load(_ offset: UInt64, _ count: Int) throws(LogStoreError) -> Int {
    if offset >= windowStart, offset - windowStart <= UInt64(window.count) {
      let at = Int(offset - windowStart)
      if window.count - at >= count { return at }
    }
    window = try file.read(at: offset, upTo: max(count, Self.window))
    windowStart = offset
    return 0
  }
}
