import Testing

/// Coding rules that a test can check. Each has a case that breaks it.
struct CodingRuleTests {
  // MARK: Length

  static func tooLong(_ file: SourceTree.File) -> Bool { file.lines.count > 601 }

  @Test func filesAreAtMost600Lines() {
    for file in SourceTree.all.files {
      #expect(!Self.tooLong(file), "\(file.path) has \(file.lines.count - 1) lines")
    }
    #expect(Self.tooLong(.init(path: "x", lines: .init(repeating: "", count: 602))))
  }

  /// Workloads must be short enough to be read at once.
  @Test func workloadsAreBelow50Lines() {
    let workloads = SourceTree.all.sources.filter {
      $0.path.hasPrefix("Sources/Simulation/Workloads/") && $0.path.hasSuffix("Workload.swift")
        && !$0.path.hasSuffix("/Workload.swift")
    }
    #expect(workloads.count >= 8)
    for file in workloads {
      // The last line break ends a line and begins none.
      #expect(file.lines.count - 1 < 50, "\(file.path) has \(file.lines.count - 1) lines")
    }
  }

  /// Functions longer than 70 lines: from a line that declares one to the closing brace at its indent.
  static func longFunctions(_ file: SourceTree.File) -> [String] {
    var found: [String] = []
    var start: (line: Int, indent: Int)?
    for index in file.lines.indices {
      let line = file.lines[index]
      let indent = line.prefix { $0 == " " }.count
      let code = line.dropFirst(indent)
      if start == nil, code.hasPrefix("func ") || code.contains(" func ") || code.hasPrefix("init"),
        !code.hasPrefix("//")
      {
        start = (index, indent)
      }
      if let (first, depth) = start, indent == depth, index > first, code == "}" {
        if index - first + 1 > 70 {
          found.append("\(file.path):\(first + 1) (\(index - first + 1) lines)")
        }
        start = nil
      } else if let (_, depth) = start, indent < depth, !code.isEmpty {
        start = nil
      }
    }
    return found
  }

  @Test func functionsAreAtMost70Lines() {
    for file in SourceTree.all.sources {
      let long = Self.longFunctions(file)
      #expect(long.isEmpty, "\(long)")
    }
    let body = ["func f() {"] + .init(repeating: "  x()", count: 70) + ["}"]
    #expect(Self.longFunctions(.init(path: "x", lines: body)).count == 1)
  }

  // MARK: Unchecked concurrency

  static func unexplained(_ file: SourceTree.File) -> [Int] {
    file.lines.indices.filter { index in
      guard file.code(index).contains("@unchecked Sendable") else { return false }
      let above = file.lines[max(0, index - 8)..<index]
      return !above.contains { $0.contains("//") && $0.count > 12 }
    }
  }

  /// In tests too. The state of a simulated run is in `ThreadBound` boxes, which check the thread.
  @Test func uncheckedSendablesAreFewAndHaveTheirReasons() {
    var unchecked: Set<String> = []
    for file in SourceTree.all.files {
      #expect(Self.unexplained(file).isEmpty, "\(file.path): \(Self.unexplained(file))")
      for index in file.lines.indices where file.code(index).contains("@unchecked Sendable") {
        unchecked.insert(file.path)
      }
      for index in file.lines.indices {
        #expect(
          !file.code(index).contains("nonisolated(unsafe)"), "\(file.path):\(index + 1)")
      }
    }
    #expect(unchecked.count <= 15, "types outside of the compiler's checks: \(unchecked.sorted())")
    #expect(Self.unexplained(.init(path: "x", lines: ["class A: @unchecked Sendable {}"])) == [0])
  }

  // MARK: Ambient state that core code must not use

  static let core: Set<String> = [
    "Raft", "Raftstore", "PlacementDriver", "Storage", "Engine", "RaftLog", "Codec", "Protobuf",
    "Transaction", "SimulationKit", "Simulation", "SimulationMutants", "History",
  ]

  static let banned = [
    "Date()", "ContinuousClock", "SuspendingClock", "Task.sleep", "Thread.", "usleep",
    "SystemRandomNumberGenerator", ".random(in:", ".randomElement()", ".shuffled()", "FileManager",
    "Task {", "Task.detached", "DispatchQueue", "clock_gettime", "SystemClock", "SystemFileSystem",
  ]

  static func violations(_ file: SourceTree.File) -> [String] {
    file.lines.indices.flatMap { index in
      let code = file.code(index)
      return banned.filter { code.contains($0) && !code.contains("using:") }
        .map { "\(file.path):\(index + 1): \($0)" }
    }
  }

  @Test func coreTargetsUseNoAmbientClockThreadRandomnessOrFile() {
    for file in SourceTree.all.sources where Self.core.contains(file.target) {
      #expect(Self.violations(file).isEmpty, "\(Self.violations(file))")
    }
    #expect(Self.violations(.init(path: "x", lines: ["let now = Date()"])).count == 1)
    #expect(Self.violations(.init(path: "x", lines: ["// Date() is banned"])).isEmpty)
  }

  static let never = ["fatalError(", "try!", "TODO", "FIXME", "print("]

  @Test func noCodeIsUnfinishedOrPrints() {
    for file in SourceTree.all.sources
    where !["apus", "apus-dev", "Benchmarks"].contains(file.target) {
      for index in file.lines.indices {
        for word in Self.never {
          #expect(!file.code(index).contains(word), "\(file.path):\(index + 1): \(word)")
        }
      }
    }
  }
}
