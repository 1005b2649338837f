import History
import Testing

struct ViolationReportTests {
  @Test func aStaleReadIsReported() throws {
    var recording = Recording()
    recording.put(1000, 1010, "a")
    recording.put(1015, nil, "b")
    recording.get(1020, 1021, "b")
    recording.get(1030, 1031, "a")
    let violation = try #require(LinearizabilityChecker().check(recording.history).violation)
    let picture = """
      no linearization of these calls explains the values of "k", absent at first:
        call  client  from ms   to ms
          #1       1    0.000  10.000  [=========]                       put "k" = "a"  done
          #2       2   15.000       -                 [===============>  put "k" = "b"  unknown
          #3       3   20.000  21.000                      []            get "k"        found "b"
          #4       4   30.000  31.000                                []  get "k"        found "a"

      """
    #expect(ViolationReport(violation).text == picture)
  }

  @Test func callsOnManyKeysShowTheirPartInIt() {
    let k: [UInt8] = [0x6B]
    let binary: [UInt8] = [0, 255]
    let pairs = [Pair(key: k, value: binary), Pair(key: [1], value: []), Pair(key: k, value: [])]
    let calls: [(Call, Outcome, String, String)] = [
      (.batchPut(pairs: pairs), .done, #"batchPut "k" = 0x00ff, then "" (+1)"#, "done"),
      (
        .batchGet(keys: [k, [1]]), .found(pairs), #"batchGet "k" (+1)"#,
        #"found 0x00ff, then "" (+1)"#
      ),
      (.batchDelete(keys: [k]), .failed, #"batchDelete "k""#, "failed"),
      (
        .scan(start: [], end: binary, limit: 7, isReverse: true), .found([]),
        "scan […, 0x00ff) limit 7 from the end", "absent"
      ),
      (
        .scan(start: k, end: [], limit: 7, isReverse: false), .unknown,
        #"scan ["k", …) limit 7"#, "unknown"
      ),
      (.deleteRange(start: k, end: [0x6C]), .unknown, #"deleteRange ["k", "l")"#, "unknown"),
      (
        .put(key: k, value: .init(repeating: 0x61, count: 1000)), .done,
        #"put "k" = "aaaaaaaaaaaaaaaaaaaaaaaa"… (1000 bytes)"#, "done"
      ),
    ]
    var recording = Recording()
    for (call, outcome, _, _) in calls { recording.add(1, 1, call, outcome) }
    let violation = Violation(key: k, operations: recording.history, initial: binary)
    let lines = ViolationReport(violation).lines
    #expect(lines.first?.hasSuffix(#""k", 0x00ff at first:"#) == true)
    #expect(lines.count == calls.count + 2)
    for (line, (_, _, call, outcome)) in zip(lines.dropFirst(2), calls) {
      #expect(line.contains("  " + call + " "))
      #expect(line.hasSuffix("  " + outcome))
    }
  }

  @Test func anImpossibleResponseIsReported() {
    let pairs = (0..<10).map { Pair(key: [0x30 + $0], value: [0x61]) }
    var recording = Recording()
    recording.add(
      .max / 1_000_000, nil, .scan(start: [], end: [], limit: 3, isReverse: false), .found(pairs))
    let one = Violation(key: [0x33], operations: recording.history)
    #expect(
      ViolationReport(one).text.contains(#"found "0" = "a", "1" = "a", "2" = "a""#))
    #expect(ViolationReport(one).text.hasSuffix(#""7" = "a" (+2)"# + "\n"))
    #expect(ViolationReport(Violation(key: [], operations: [])).lines.count == 2)
  }
}
