import History
import Testing

/// Batches, scans and range deletes: what they say of each key.
struct ManyKeyCallTests {
  private func check(_ write: (inout Recording) -> Void) -> Verdict {
    var recording = Recording()
    for key in ["a", "b", "c", "d"] { recording.put(0, 1, key + "1", key: key) }
    write(&recording)
    return LinearizabilityChecker().check(recording.history)
  }

  private func pairs(_ found: [(String, String)]) -> [Pair] {
    found.map { Pair(key: Array($0.0.utf8), value: Array($0.1.utf8)) }
  }

  private func keys(_ names: String...) -> [[UInt8]] { names.map { Array($0.utf8) } }

  // MARK: Batches

  @Test func batches() {
    let good = check {
      $0.add(2, 3, .batchPut(pairs: pairs([("a", "2"), ("x", "3")])), .done)
      $0.add(4, 5, .batchGet(keys: keys("a", "x", "y")), .found(pairs([("x", "3"), ("a", "2")])))
      $0.add(6, 7, .batchDelete(keys: keys("a", "b")), .done)
      $0.add(8, 9, .batchGet(keys: keys("a", "b", "c")), .found(pairs([("c", "c1")])))
    }
    #expect(good.isLinearizable)
    let missing = check {
      $0.add(2, 3, .batchPut(pairs: pairs([("a", "2"), ("x", "3")])), .done)
      $0.add(4, 5, .batchGet(keys: keys("a", "x")), .found(pairs([("a", "2")])))
    }
    #expect(missing.violation?.key == Array("x".utf8))
    #expect(missing.violation?.operations.map(\.id) == [5, 6])
    let undead = check {
      $0.add(2, 3, .batchDelete(keys: keys("a", "b")), .done)
      $0.add(4, 5, .batchGet(keys: keys("a", "b")), .found(pairs([("b", "b1")])))
    }
    #expect(undead.violation?.operations.map(\.id) == [2, 5, 6])
  }

  /// A batch is a call for each key, not a transaction.
  @Test func theKeysOfABatchMayBeSeenToChangeOneAfterTheOther() {
    let verdict = check {
      $0.add(2, 100, .batchPut(pairs: pairs([("a", "2"), ("b", "2")])), .done)
      $0.get(3, 4, "2", key: "a")
      $0.get(5, 6, "b1", key: "b")
      $0.get(101, 102, "2", key: "b")
    }
    #expect(verdict.isLinearizable)
    let unanswered = check {
      $0.add(2, nil, .batchPut(pairs: pairs([("a", "2"), ("b", "2")])), .unknown)
      $0.get(300, 301, "2", key: "a")
      $0.get(302, 303, "b1", key: "b")
    }
    #expect(unanswered.isLinearizable)
  }

  @Test func aKeyRequestedTwiceMayBeFoundTwice() {
    let found = pairs([("a", "a1"), ("a", "a1")])
    let twice = check { $0.add(2, 3, .batchGet(keys: keys("a", "a")), .found(found)) }
    #expect(twice.isLinearizable)
    let once = check { $0.add(2, 3, .batchGet(keys: keys("a")), .found(found)) }
    #expect(once.violation?.operations.map(\.id) == [5])
  }

  @Test(arguments: ["", "a", "bb", "z"])
  func aKeyThatWasNotRequestedIsAViolation(key: String) {
    let found = pairs([("b", "b1"), (key, "1")])
    let batch = check { $0.add(2, 3, .batchGet(keys: keys("b", "c")), .found(found)) }
    #expect(batch.violation?.key == Array(key.utf8))
    #expect(batch.violation?.operations.map(\.id) == [5])
    let get = check { $0.add(2, 3, .get(key: Array("b".utf8)), .found(pairs([(key, "1")]))) }
    #expect(get.violation?.operations.map(\.id) == [5])
    let nothing = check { $0.add(2, 3, .batchGet(keys: []), .found(pairs([(key, "1")]))) }
    #expect(nothing.violation?.operations.map(\.id) == [5])
  }

  // MARK: Scans

  @Test func scansSeeWhatIsThere() {
    let all = [("a", "a1"), ("b", "b1"), ("c", "c1"), ("d", "d1")]
    let verdict = check {
      $0.scan(2, 3, all)
      $0.scan(2, 3, isReverse: true, all.reversed())
      $0.scan(2, 3, from: "b", to: "d", Array(all[1...2]))
      $0.scan(2, 3, from: "b", to: "d", isReverse: true, all[1...2].reversed())
      $0.scan(2, 3, from: "aa", to: "", limit: 2, Array(all[1...2]))
      $0.scan(2, 3, limit: 2, isReverse: true, all[2...3].reversed())
      $0.scan(2, 3, to: "d", limit: 2, isReverse: true, all[1...2].reversed())
      $0.scan(2, 3, from: "d", to: "a", [])
      $0.scan(2, 3, limit: 0, [])
    }
    #expect(verdict.isLinearizable, "\(verdict)")
  }

  /// Keys that a scan skipped were absent; it did not read beyond its limit.
  @Test(arguments: [
    ("", "", 100, false, ["a", "c", "d"], "b"),
    ("", "", 100, true, ["d", "c", "a"], "b"),
    ("", "", 2, false, ["a", "c"], "b"),
    ("", "", 2, true, ["d", "b"], "c"),
    ("b", "d", 100, false, ["c"], "b"),
    ("b", "d", 100, false, ["b"], "c"),
    ("b", "d", 2, true, ["c"], "b"),
    ("b", "", 1, false, ["c"], "b"),
    ("", "c", 1, true, ["a"], "b"),
    ("", "", 3, false, ["a", "b"], "c"),
    ("", "", 3, true, ["d", "c"], "a"),
    ("a", "b", 1, false, [], "a"),
  ])
  func aScanThatSkipsAKey(
    from: String, to: String, limit: Int, isReverse: Bool, found: [String], missing: String
  ) {
    let verdict = check {
      $0.scan(
        2, 3, from: from, to: to, limit: limit, isReverse: isReverse, found.map { ($0, $0 + "1") })
    }
    #expect(verdict.violation?.key == Array(missing.utf8))
    let ids = verdict.violation?.operations.map(\.id)
    #expect(ids == [(["a", "b", "c", "d"].firstIndex(of: missing) ?? -2) + 1, 5])
  }

  @Test(arguments: [
    ("b", "d", 100, false, ["a"], "a"),
    ("b", "d", 100, false, ["b", "d"], "d"),
    ("b", "d", 100, true, ["d", "c", "b"], "d"),
    ("b", "d", 100, true, ["c", "a"], "a"),
    ("", "", 100, false, ["b", "a", "c", "d"], "a"),
    ("", "", 100, true, ["a", "b", "c", "d"], "b"),
    ("", "", 100, false, ["a", "a", "b", "c", "d"], "a"),
    ("", "", 2, false, ["a", "b", "c"], "c"),
    ("", "", 2, true, ["d", "c", "b"], "b"),
    ("", "", 0, false, ["a"], "a"),
    ("", "", -1, false, ["a"], "a"),
    ("d", "a", 100, false, ["b"], "b"),
  ])
  func aScanWithAWrongPair(
    from: String, to: String, limit: Int, isReverse: Bool, found: [String], wrong: String
  ) {
    let verdict = check {
      $0.scan(
        2, 3, from: from, to: to, limit: limit, isReverse: isReverse, found.map { ($0, $0 + "1") })
    }
    #expect(verdict.violation?.key == Array(wrong.utf8))
    #expect(verdict.violation?.operations.map(\.id) == [5])
  }

  @Test func aScanIsNoSnapshot() {
    let verdict = check {
      $0.scan(2, 100, [("a", "a1"), ("b", "2"), ("c", "c1"), ("d", "d1")])
      $0.put(3, 4, "2", key: "a")
      $0.put(5, 6, "2", key: "b")
    }
    #expect(verdict.isLinearizable)
  }

  @Test func aScanFindsAKeyThatWasNeverWritten() {
    let verdict = check { $0.scan(2, 3, from: "e", [("z", "1")]) }
    #expect(verdict.violation?.key == Array("z".utf8))
    #expect(verdict.violation?.operations.map(\.id) == [5])
  }

  // MARK: Range deletes

  @Test func deleteRangeDeletesWhatIsInItsBounds() {
    let good = check {
      $0.add(2, 3, .deleteRange(start: Array("b".utf8), end: Array("d".utf8)), .done)
      $0.scan(4, 5, [("a", "a1"), ("d", "d1")])
    }
    #expect(good.isLinearizable)
    let stays = check {
      $0.add(2, 3, .deleteRange(start: Array("b".utf8), end: []), .done)
      $0.scan(4, 5, [("a", "a1"), ("d", "d1")])
    }
    #expect(stays.violation?.operations.map(\.id) == [4, 5, 6])
    let tooMuch = check {
      $0.add(2, 3, .deleteRange(start: [], end: Array("c".utf8)), .done)
      $0.get(4, 5, nil, key: "c")
    }
    #expect(tooMuch.violation?.operations.map(\.id) == [3, 6])
    let inverted = check {
      $0.add(2, 3, .deleteRange(start: Array("d".utf8), end: Array("a".utf8)), .done)
      $0.scan(4, 5, [("a", "a1"), ("b", "b1"), ("c", "c1"), ("d", "d1")])
    }
    #expect(inverted.isLinearizable)
  }

  @Test func aDeleteRangeWithoutResponseMayTakeEffectInPart() {
    let verdict = check {
      $0.add(2, nil, .deleteRange(start: [], end: []), .unknown)
      $0.scan(4, 5, [("a", "a1"), ("c", "c1")])
      $0.scan(6, 7, [("c", "c1")])
    }
    #expect(verdict.isLinearizable)
    let back = check {
      $0.add(2, nil, .deleteRange(start: [], end: []), .unknown)
      $0.get(4, 5, nil, key: "b")
      $0.get(6, 7, "b1", key: "b")
    }
    #expect(back.violation?.operations.map(\.id) == [2, 5, 6, 7])
  }
}
