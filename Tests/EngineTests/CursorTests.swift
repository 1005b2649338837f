import Engine
import Testing

struct CursorTests {
  private func cursor(
    _ kind: EngineKind, from: String? = nil, to: String? = nil
  ) throws -> (any KVCursor, EngineFixture) {
    let fixture = try EngineFixture(kind)
    try fixture.put([("b", "1"), ("d", "2"), ("f", "3"), ("h", "4")])
    let cursor = try fixture.engine.cursor(
      .default, from: from.map { Array($0.utf8) }, to: to.map { Array($0.utf8) })
    return (cursor, fixture)
  }

  private func here(_ cursor: any KVCursor) -> String? {
    cursor.isValid ? String(decoding: cursor.key, as: UTF8.self) : nil
  }

  private func seek(_ cursor: any KVCursor, _ key: String) -> String? {
    cursor.seek(Array(key.utf8))
    return here(cursor)
  }

  private func seekBack(_ cursor: any KVCursor, _ key: String) -> String? {
    cursor.seekForPrev(Array(key.utf8))
    return here(cursor)
  }

  @Test(arguments: EngineKind.allCases)
  func bothWaysWithoutBounds(kind: EngineKind) throws {
    let (cursor, _) = try cursor(kind)
    #expect(!cursor.isValid)
    #expect(cursor.key == [])
    cursor.seekToFirst()
    var seen: [String?] = []
    while cursor.isValid {
      seen.append(here(cursor))
      cursor.next()
    }
    #expect(seen == ["b", "d", "f", "h"])
    cursor.seekToLast()
    seen = []
    while cursor.isValid {
      seen.append(here(cursor))
      cursor.prev()
    }
    #expect(seen == ["h", "f", "d", "b"])
    try cursor.finish()
  }

  @Test(arguments: EngineKind.allCases)
  func seeksFindTheNextKey(kind: EngineKind) throws {
    let (cursor, _) = try cursor(kind)
    #expect(seek(cursor, "") == "b")
    #expect(seek(cursor, "d") == "d")
    #expect(seek(cursor, "e") == "f")
    #expect(seek(cursor, "i") == nil)
    #expect(seekBack(cursor, "a") == nil)
    #expect(seekBack(cursor, "d") == "d")
    #expect(seekBack(cursor, "e") == "d")
    #expect(seekBack(cursor, "z") == "h")
  }

  @Test(arguments: EngineKind.allCases)
  func boundsHoldInBothDirections(kind: EngineKind) throws {
    let (cursor, _) = try cursor(kind, from: "d", to: "h")
    cursor.seekToFirst()
    #expect(here(cursor) == "d")
    cursor.prev()
    #expect(here(cursor) == nil)
    cursor.seekToLast()
    #expect(here(cursor) == "f")
    cursor.next()
    #expect(here(cursor) == nil)
    #expect(seek(cursor, "a") == "d")
    #expect(seek(cursor, "h") == nil)
    #expect(seekBack(cursor, "z") == "f")
    #expect(seekBack(cursor, "c") == nil)
  }

  @Test(arguments: EngineKind.allCases)
  func emptyAndReversedRangesHoldNothing(kind: EngineKind) throws {
    for (from, to) in [("d", "d"), ("h", "b"), ("e", "f"), ("x", "z")] {
      let (cursor, _) = try cursor(kind, from: from, to: to)
      cursor.seekToFirst()
      #expect(here(cursor) == nil, "[\(from), \(to))")
      cursor.seekToLast()
      #expect(here(cursor) == nil, "[\(from), \(to))")
      try cursor.finish()
    }
  }

  @Test(arguments: EngineKind.allCases)
  func anUpperBoundOfNoBytesIsAnEmptyRange(kind: EngineKind) throws {
    let (cursor, _) = try cursor(kind, from: "", to: "")
    cursor.seekToFirst()
    #expect(here(cursor) == nil)
  }

  @Test(arguments: EngineKind.allCases)
  func borrowedBytesEqualCopiedOnes(kind: EngineKind) throws {
    let (cursor, _) = try cursor(kind)
    cursor.seekToFirst()
    #expect(cursor.withKey { $0.withUnsafeBytes { Array($0) } } == cursor.key)
    #expect(cursor.withValue { $0.withUnsafeBytes { Array($0) } } == Array("1".utf8))
  }

  @Test(arguments: EngineKind.allCases)
  func keysOrderAsUnsignedBytes(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    let keys: [[UInt8]] = [[0xff], [0], [0x80], [], [0, 0], [0x7f, 0xff]]
    var batch = WriteBatch()
    for key in keys { batch.put(.write, key, [1]) }
    try fixture.engine.write(batch, .buffered)
    let sorted: [[UInt8]] = [[], [0], [0, 0], [0x7f, 0xff], [0x80], [0xff]]
    #expect(try fixture.engine.scan(.write).map(\.key) == sorted)
  }
}
