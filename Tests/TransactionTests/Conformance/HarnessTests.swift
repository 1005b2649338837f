import Testing

/// The harness itself: what it compares, and that it finds a difference.
struct HarnessTests {
  private func failures(_ text: String) throws -> [String] {
    var failures: [String] = []
    for script in ScriptFile.cases(in: text) {
      let store = ScriptStore(try memoryEngine())
      for step in script.steps {
        let result = try store.run(step)
        if !result.matches(step.expected, command: step.command) { failures.append(step.text) }
      }
    }
    return failures
  }

  @Test func differencesAreFound() throws {
    let text = """
      # a comment
      case one
      src nowhere
      note nothing
      prewrite start=5 ttl=3 : put k v ; put l x*300
      get k @7 => locked start=5 ttl=3
      get k @7 => locked start=6
      get k @7 => locked
      get k @7 => v
      get k @7 => error
      get k @4 => error
      scan @7 => k!5 l!5
      scan @7 => k!5
      commit start=5 commit=6 : k l
      get l @6 => x*300
      get l @6 => x*299
      lock? k => none
      status k start=5 caller=0 now=0 => committed ts=0.6
      status k start=5 caller=0 now=0 => committed ts=1.6
      case two
      get k @7 => none
      """
    #expect(
      try failures(text) == [
        "get k @7 => locked start=6", "get k @7 => v", "get k @4 => error", "scan @7 => k!5",
        "get l @6 => x*299", "status k start=5 caller=0 now=0 => committed ts=1.6",
      ])
  }

  @Test func wordsAreParsed() {
    let step = ScriptStep("get k @1.2 iso=rc commitTs : a b => x y=1", line: 3)
    #expect(step.command == "get" && step.positional == ["k", "commitTs"])
    #expect(step.fields == ["iso": "rc"] && step.tailWords == ["a", "b"])
    #expect(step.expected == "x y=1")
    #expect(ScriptValue.timestamp("1.2")?.value == (1 << 18) + 2)
    #expect(ScriptValue.timestamp("max") == .max && ScriptValue.timestamp("1.x") == nil)
    #expect(ScriptValue.bytes("ab*3") == Array("ababab".utf8) && ScriptValue.bytes("\"\"") == [])
    #expect(ScriptValue.value(ScriptValue.bytes("ab*30")) == "ab*30")
  }
}
