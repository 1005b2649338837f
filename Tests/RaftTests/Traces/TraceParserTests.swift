import Testing

/// The harness itself: how it reads files, and how it reports a difference.
@Suite struct TraceParserTests {
  @Test func directivesAreRead() throws {
    let text = """
      # A comment.

      add-nodes 3 voters=(1, 2,3) nested=((a, b), c) empty= none=() \\
        index=2
      first line

      third line
      ----
      ok

      # Between directives.
      stabilize 1 2 log-level=none
      ----
      ----
      one

      ----
      two
      ----
      ----
      last
      ----
      """
    let directives = try TraceParser.directives(in: text)
    #expect(directives.map(\.command) == ["add-nodes", "stabilize", "last"])
    let add = directives[0]
    #expect(add.arguments[0] == TraceDirective.Argument(key: "3"))
    #expect(add.values(of: "voters") == ["1", "2", "3"])
    #expect(add.values(of: "nested") == ["(a, b)", "c"])
    #expect(add.values(of: "empty") == [""])
    #expect(add.values(of: "index") == ["2"])
    #expect(add.bareArguments == ["3", "none"])
    #expect(add.input == "first line\n\nthird line")
    #expect(add.expected == "ok\n" && add.line == 3 && add.expectedLine == 9)
    #expect(directives[1].bareArguments == ["1", "2"])
    #expect(directives[1].expected == "one\n\n----\ntwo\n")
    #expect(directives[2].expected.isEmpty)
  }

  @Test func brokenListIsAnError() {
    #expect(throws: TraceError.self) { try TraceParser.directives(in: "x a=(1,2\n----\n") }
  }

  @Test func differencesAreUnified() {
    let lines = (1...12).map { "line \($0)" }
    var changed = lines
    changed[5] = "other"
    changed.append("more")
    let difference = UnifiedDiff.text(
      expected: lines.joined(separator: "\n") + "\n",
      actual: changed.joined(separator: "\n") + "\n", file: "a.txt", firstLine: 101)
    #expect(
      difference == """
        --- a.txt:101 (expected)
        +++ a.txt:101 (actual)
        @@ -103,10 +103,11 @@
         line 3
         line 4
         line 5
        -line 6
        +other
         line 7
         line 8
         line 9
         line 10
         line 11
         line 12
        +more

        """)
  }

  @Test func wrongOutputIsDetected() throws {
    let cluster = TraceCluster()
    func run(_ line: String) throws -> String {
      cluster.execute(try TraceParser.parse(line, at: 1))
    }
    #expect(try run("no-such-command 1") == "unknown command")
    #expect(
      try run("log-level loud")
        == "log levels must be either of [DEBUG INFO WARN ERROR FATAL NONE]")
    #expect(try run("log-level none") == "ok")
    #expect(try run("add-nodes 2 voters=(1,2) index=1").hasPrefix("index must be specified"))
    #expect(try run("add-nodes 2 voters=(1,2) index=2") == "ok")
    #expect(try run("log-level info") == "ok")
    #expect(
      try run("campaign 1") == """
        INFO 1 is starting a new election at term 0
        INFO 1 became candidate at term 1
        INFO 1 [logterm: 1, index: 2] sent MsgVote request to 2 at term 1

        """)
    #expect(try run("deliver-msgs 2") == "no messages\n")
    #expect(
      try run("propose 2 x")
        == "INFO 2 no leader at term 0; dropping proposal\nraft proposal dropped")
    #expect(try run("raft-log 1") == "log is empty: first index=3, last index=2")
    #expect(
      try run("report-unreachable 1")
        == "must specify exactly two node indexes: node on which to report, and reported node")
  }
}
