import History
import Runtime
import Testing

@testable import Simulation

@Suite struct WorkloadTests {
  private static let names = WorkloadCatalog.all.map { $0.name }

  @Test(arguments: names)
  func eachRunsWithoutFaults(name: String) throws {
    var options = SimulationOptions(seed: 1)
    options.workload = name
    options.faults = []
    options.duration = .seconds(8)
    let report = try Simulation(options).run()
    #expect(report.failure == nil)
    #expect(report.workload == name)
    #expect(report.succeeded > 5)
    #expect(report.unknown == 0)
  }

  @Test(arguments: names)
  func chanceIsAllThatMattersToWhatIsDrawn(name: String) throws {
    func calls() throws -> [String] {
      var random = SplitMix64(seed: 11)
      var workload = try #require(WorkloadCatalog.make(name, random: &random))
      return (0..<200).map { round in
        let (pause, call) = workload.next(client: round % workload.clients, random: &random)
        return "\(pause) \(call)"
      }
    }
    #expect(try calls() == calls())
  }

  /// The check of linearizability is quick, and sharp, where no value is written twice.
  @Test(arguments: names)
  func noValueIsWrittenTwice(name: String) throws {
    var random = SplitMix64(seed: 12)
    var workload = try #require(WorkloadCatalog.make(name, random: &random))
    var seen: Set<[[UInt8]]> = []
    var writes = 0
    for round in 0..<500 {
      let client = round % workload.clients
      let (_, call) = workload.next(client: client, random: &random)
      let pairs: [Pair]
      switch call {
      case .put(let key, let value): pairs = [Pair(key: key, value: value)]
      case .batchPut(let several): pairs = several
      default: pairs = []
      }
      writes += pairs.count
      for pair in pairs { #expect(seen.insert([pair.key, pair.value]).inserted) }
      let outcome: Outcome = call.isRead ? .found([]) : .done
      workload.observe(
        Operation(id: round, client: client, start: 0, end: 1, call: call, outcome: outcome))
    }
    #expect(writes > 20)
  }

  // MARK: What they check

  private func read(
    _ id: Int, _ start: UInt64, _ call: Call, _ pairs: [(Int, String)]
  ) -> Operation {
    Operation(
      id: id, client: 1, start: start, end: start + 5, call: call,
      outcome: .found(
        pairs.map { Pair(key: WorkloadKeys.key($0.0), value: Array($0.1.utf8)) }))
  }

  @Test func aCounterThatGoesBack() {
    let key = WorkloadKeys.key(0)
    func history(second: String, doubt: Bool) -> [Operation] {
      var operations = [
        read(1, 10, .get(key: key), [(0, "4 1")]), read(2, 20, .get(key: key), [(0, second)]),
      ]
      if doubt {
        operations.append(
          Operation(
            id: 0, client: 0, start: 1, end: nil,
            call: .put(key: key, value: CounterTally.value(3, serial: 9)), outcome: .unknown))
      }
      return operations
    }
    #expect(CounterTally.check(history(second: "4 1", doubt: false)) == nil)
    #expect(
      CounterTally.check(history(second: "3 9", doubt: false))
        == "call 2 read 3 after call 1 had read 4")
    #expect(CounterTally.check(history(second: "3 9", doubt: true)) == nil)
  }

  @Test func aCounterBelowWhatWasAcknowledged() {
    let key = WorkloadKeys.key(0)
    let put = Operation(
      id: 1, client: 0, start: 1, end: 5,
      call: .put(key: key, value: CounterTally.value(1, serial: 1)), outcome: .done)
    let miss = read(2, 6, .get(key: key), [])
    #expect(CounterTally.check([put, miss]) == "call 2 read 0 after call 1 had written 1")
    // One that overlaps the write may miss it.
    #expect(CounterTally.check([put, read(2, 5, .get(key: key), [])]) == nil)
  }

  @Test func halfOfACouple() {
    let keys = PairedKeys.keys(3)
    #expect(
      PairedKeys.check([read(1, 1, .batchGet(keys: keys), [(6, "a"), (7, "a")])]) == nil)
    #expect(PairedKeys.check([read(1, 1, .batchGet(keys: keys), [(6, "a")])]) != nil)
    #expect(
      PairedKeys.check([read(1, 1, .batchGet(keys: keys), [(6, "a"), (7, "b")])]) != nil)
    #expect(PairedKeys.check([read(1, 1, .batchGet(keys: [keys[0]]), [(6, "a")])]) == nil)
  }

  @Test func aScanMayEndInsideACouple() {
    func scan(_ limit: Int, _ end: Int) -> Call {
      .scan(
        start: WorkloadKeys.key(4), end: WorkloadKeys.key(end), limit: limit, isReverse: false)
    }
    let found = [(4, "a"), (5, "a"), (6, "b")]
    #expect(PairedKeys.check([read(1, 1, scan(3, 8), found)]) == nil)
    #expect(PairedKeys.check([read(1, 1, scan(4, 7), found)]) == nil)
    #expect(PairedKeys.check([read(1, 1, scan(4, 8), found)]) != nil)
  }

  /// Wherever a cluster is cut, couples stay whole.
  @Test func regionsAreNotCutInsideACouple() {
    let firsts = (0..<PairedKeys.count).map { PairedKeys.keys($0)[0] }
    for regions in 1...4 {
      for boundary in WorkloadKeys.boundaries(PairedKeys.keyCount, regions: regions) {
        #expect(firsts.contains(boundary))
      }
    }
    for regions in 25...60 {
      let boundaries = WorkloadKeys.boundaries(PairedKeys.keyCount, regions: regions)
      #expect(boundaries.count == regions - 1)
      let pairs = zip(boundaries, boundaries.dropFirst())
      #expect(pairs.allSatisfy { $0.lexicographicallyPrecedes($1) })
      for couple in 0..<PairedKeys.count {
        let keys = PairedKeys.keys(couple)
        #expect(
          !boundaries.contains {
            keys[0].lexicographicallyPrecedes($0) && !keys[1].lexicographicallyPrecedes($0)
          })
      }
    }
  }
}
