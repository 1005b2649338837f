import History
import Testing

/// Cases small enough to be checked by eye.
struct LinearizabilityCheckerTests {
  private func check(
    initial: [String: String] = [:], _ write: (inout Recording) -> Void
  ) -> Verdict {
    var recording = Recording()
    write(&recording)
    var pairs: [[UInt8]: [UInt8]] = [:]
    for (key, value) in initial { pairs[Array(key.utf8)] = Array(value.utf8) }
    return LinearizabilityChecker(initial: pairs).check(recording.history)
  }

  /// The ids of the calls that are shown, nil when the history is not a violation.
  private func ids(_ verdict: Verdict) -> [Int]? {
    verdict.violation?.operations.map(\.id)
  }

  // MARK: One key, one after the other

  @Test func nothingHappened() {
    #expect(
      check { _ in } == .linearizable(.init(operations: 0, keys: 0, unknown: 0)))
  }

  @Test func readsFollowWrites() {
    let verdict = check {
      $0.get(0, 1, nil)
      $0.put(2, 3, "a")
      $0.get(4, 5, "a")
      $0.put(6, 7, "")
      $0.get(8, 9, "")
      $0.delete(10, 11)
      $0.get(12, 13, nil)
      $0.put(14, nil, "b", key: "other")
    }
    #expect(verdict == .linearizable(.init(operations: 8, keys: 2, unknown: 1)))
  }

  @Test func aStaleRead() {
    let verdict = check {
      $0.put(0, 1, "a")
      $0.get(2, 3, "a")
      $0.put(4, 5, "b")
      $0.get(6, 7, "b")
      $0.get(8, 9, "a")
    }
    #expect(ids(verdict) == [1, 3, 5])
  }

  @Test func aLostUpdate() {
    let verdict = check {
      $0.put(0, 1, "a")
      $0.put(2, 3, "b")
      $0.get(4, 5, nil)
      $0.get(6, 7, nil)
    }
    #expect(ids(verdict) == [2, 3])
  }

  @Test func aValueNeverWritten() {
    let verdict = check {
      $0.put(0, 1, "a")
      $0.get(2, 3, "c")
      $0.put(4, 5, "b")
    }
    #expect(ids(verdict) == [2])
  }

  @Test func aValueReadBeforeItWasWritten() {
    let verdict = check {
      $0.put(0, 1, "a")
      $0.get(2, 3, "b")
      $0.put(4, 5, "b")
      $0.put(6, 7, "b")
    }
    #expect(ids(verdict) == [2, 3])
  }

  @Test func aDeletedValueThatIsStillRead() {
    let verdict = check {
      $0.put(0, 1, "a")
      $0.delete(2, 3)
      $0.get(4, 5, "a")
    }
    #expect(ids(verdict) == [1, 2, 3])
  }

  @Test func anEmptyValueIsNotAbsence() {
    #expect(
      ids(
        check {
          $0.put(0, 1, "")
          $0.get(2, 3, nil)
        }) == [1, 2])
  }

  // MARK: Calls that overlap

  @Test func overlappingCallsGoEitherWay() {
    for value in ["a", "b"] {
      let verdict = check {
        $0.put(0, 10, "a")
        $0.put(0, 10, "b")
        $0.get(11, 12, value)
      }
      #expect(verdict.isLinearizable)
    }
    for value in ["a", nil] {
      let verdict = check {
        $0.put(0, 10, "a")
        $0.get(5, 6, value)
        $0.get(11, 12, "a")
      }
      #expect(verdict.isLinearizable)
    }
  }

  @Test func callsThatTouchOverlap() {
    let verdict = check {
      $0.put(0, 5, "a")
      $0.get(5, 6, nil)
    }
    #expect(verdict.isLinearizable)
  }

  @Test func seenAndThenUnseen() {
    let verdict = check {
      $0.put(0, 10, "a")
      $0.get(1, 2, "a")
      $0.get(3, 4, nil)
    }
    #expect(ids(verdict) == [1, 2, 3])
  }

  @Test func twoReadersDisagreeAboutTheOrder() {
    let verdict = check {
      $0.put(0, 100, "a")
      $0.put(0, 100, "b")
      $0.get(10, 20, "a")
      $0.get(30, 40, "b")
      $0.get(50, 60, "a")
    }
    #expect(ids(verdict) == [1, 2, 3, 4, 5])
  }

  @Test func deleteAndPutAtOnce() {
    for value in ["b", nil] {
      let verdict = check {
        $0.put(0, 1, "a")
        $0.put(2, 10, "b")
        $0.delete(2, 10)
        $0.get(11, 12, value)
      }
      #expect(verdict.isLinearizable)
    }
    let both = check {
      $0.put(0, 1, "a")
      $0.put(2, 10, "b")
      $0.delete(2, 10)
      $0.get(11, 12, nil)
      $0.get(13, 14, "b")
    }
    #expect(ids(both) == [2, 3, 4, 5])
  }

  // MARK: Outcomes

  @Test func aWriteWithoutResponseMayTakeEffectLateOrNever() {
    for value in ["a", "b"] {
      let verdict = check {
        $0.put(0, 1, "a")
        $0.put(2, nil, "b")
        $0.get(3, 4, "a")
        $0.get(100, 101, value)
      }
      #expect(verdict.isLinearizable)
    }
    let back = check {
      $0.put(0, 1, "a")
      $0.put(2, nil, "b")
      $0.get(3, 4, "b")
      $0.get(100, 101, "a")
    }
    #expect(ids(back) == [1, 2, 3, 4])
  }

  /// A client that stops waiting notes when; the write may still take effect later.
  @Test func anUnknownOutcomeIsOpenEndedAlsoWithAnEnd() {
    let verdict = check {
      $0.add(0, 1, .put(key: [107], value: [1]), .unknown)
      $0.get(2, 3, nil)
      $0.add(4, 5, .get(key: [107]), .found([Pair(key: [107], value: [1])]))
      $0.add(6, 7, .get(key: [107]), .unknown)
      $0.add(8, 9, .get(key: [107]), .failed)
    }
    #expect(verdict.isLinearizable)
  }

  /// Each open-ended delete explains one disappearance, no more.
  @Test func openEndedDeletesAreCounted() {
    func verdict(deletes: Int) -> Verdict {
      check { recording in
        for _ in 0..<deletes { recording.delete(0, nil) }
        for round in 0..<3 {
          recording.put(round * 10, round * 10 + 1, "\(round)")
          recording.get(round * 10 + 2, round * 10 + 3, nil)
        }
      }
    }
    #expect(verdict(deletes: 3).isLinearizable)
    #expect(verdict(deletes: 2).violation != nil)
    #expect(verdict(deletes: 200).isLinearizable)
  }

  @Test func aFailedWriteNeverHappens() {
    let verdict = check {
      $0.put(0, 1, "a")
      $0.add(2, 3, .put(key: [107], value: [98]), .failed)
      $0.add(2, 3, .batchPut(pairs: [Pair(key: [107], value: [98])]), .failed)
      $0.add(2, 3, .deleteRange(start: [], end: []), .failed)
      $0.get(4, 5, "b")
    }
    #expect(ids(verdict) == [5])
    let unharmed = check {
      $0.put(0, 1, "a")
      $0.add(2, 3, .deleteRange(start: [], end: []), .failed)
      $0.get(4, 5, "a")
    }
    #expect(unharmed.isLinearizable)
  }

  @Test func anInconsistentHistoryIsUndecided() {
    let cases: [(Int, Int?, Call, Outcome, String)] = [
      (0, 1, .get(key: [1]), .done, "a read with outcome done"),
      (0, 1, .delete(key: [1]), .found([]), "a write with outcome found"),
      (0, nil, .delete(key: [1]), .done, "a response without an end"),
      (0, nil, .get(key: [1]), .found([]), "a response without an end"),
      (2, 1, .get(key: [1]), .found([]), "it ends before it starts"),
    ]
    for (start, end, call, outcome, reason) in cases {
      #expect(check { $0.add(start, end, call, outcome) } == .undecided("call 1: \(reason)"))
    }
  }

  // MARK: The initial state

  @Test func initialValuesMayBeRead() throws {
    let verdict = check(initial: ["k": "a", "l": "b"]) {
      $0.get(0, 1, "a")
      $0.scan(2, 3, [("k", "a"), ("l", "b")])
      $0.delete(4, 5)
      $0.get(6, 7, "a")
    }
    #expect(ids(verdict) == [3, 4])
    #expect(try #require(verdict.violation).initial == Array("a".utf8))
    #expect(check(initial: ["k": "a"]) { $0.get(0, 1, nil) }.violation != nil)
    #expect(check(initial: ["k": "a"]) { $0.scan(0, 1, []) }.violation != nil)
  }

  // MARK: A search that is given up

  /// Two values only, and no order of writes: the search must try all choices.
  @Test func aSearchHasItsLimit() {
    var recording = Recording()
    for round in 0..<40 { recording.put(0, 1000, "\(round % 2)") }
    for round in 0..<50 { recording.get(round * 4 + 1, round * 4 + 2, "\(round % 2)") }
    let verdict = LinearizabilityChecker(steps: 100).check(recording.history)
    #expect(verdict == .undecided("the search was abandoned after 100 steps on \"k\""))
    #expect(LinearizabilityChecker().check(recording.history).violation != nil)
  }

  @Test func aViolationIsFoundAlthoughTheSearchOfAnotherKeyIsAbandoned() {
    var recording = Recording()
    for round in 0..<40 { recording.put(0, 1000, "\(round % 2)") }
    for round in 0..<50 { recording.get(round * 4 + 1, round * 4 + 2, "\(round % 2)") }
    recording.get(0, 1, "x", key: "z")
    let verdict = LinearizabilityChecker(steps: 100).check(recording.history)
    #expect(ids(verdict) == [91])
  }
}
