import Testing

/// Known bugs of TiKV and its clients that were in the commands of transactions: what each would show does not happen.
struct HistoricBugTests {
  struct Bug: Sendable, CustomTestStringConvertible {
    /// The issues, and what was wrong.
    let testDescription: String
    /// Commands in the notation of the conformance scripts.
    let script: String

    init(_ description: String, _ script: String) {
      testDescription = description
      self.script = script
    }
  }

  static let rollbacks = [
    Bug(
      "tikv#921: a rollback without a lock leaves a record",
      """
      rollback start=5 : k
      prewrite start=5 : put k v => conflict reason=SelfRolledBack
      cleanup k start=7
      prewrite start=7 : put k v => conflict reason=SelfRolledBack
      """),
    Bug(
      "tikv#3290: only the rollback below is collapsed, whatever lies between",
      """
      prewrite start=1 : put k v
      rollback start=3 : k
      commit start=1 commit=5 : k
      rollback start=7 : k
      rollback start=9 : k
      writes? k => 9:rollback@9 5:put@1 3:rollback@3
      """),
    Bug(
      "tikv#4402, #8349: a rollback at the commit timestamp of another transaction keeps its record",
      """
      prewrite start=10 : put k v
      commit start=10 commit=20 : k
      cleanup k start=20
      get k @20 => v
      writes? k => 20:put@10^~0
      prewrite start=20 : put k w => conflict reason=SelfRolledBack
      prewrite start=31 async pk=k : put k w => ok min=32
      cleanup k start=40
      commit start=31 commit=40 : k
      writes? k => 40:put@31^ 20:put@10^~0
      prewrite start=40 : put k x => conflict reason=SelfRolledBack
      """),
    Bug(
      "tikv#7364, #16620: the rollback of a primary is not collapsed by a later one",
      """
      plock start=5 for=5 pk=k : k
      rollback start=5 : k
      rollback start=9 : k
      rollback start=11 : k
      writes? k => 11:rollback@11 5:rollback@5!
      plock start=5 for=12 : k => rolled-back
      """),
    Bug(
      "tikv#9446, #16634: a rollback that is hidden in another record removes the lock",
      """
      prewrite start=10 : put k v
      commit start=10 commit=20 : k
      plock start=20 for=21 pk=k : k
      rollback start=20 : k
      locks? => empty
      status k start=20 caller=0 now=0 => rolledback
      """),
  ]

  static let retries = [
    Bug(
      "tikv#10600, #10522, #12369, tidb#34066: a prewrite that comes again after the commit",
      """
      prewrite start=5 : put k v
      commit start=5 commit=8 : k
      prewrite start=5 async pk=k : put k v => ok min=8
      lock? k => none
      prewrite start=10 : put k w
      prewrite start=5 async pk=k : put k v => ok min=8
      lock? k => put start=10
      """),
    Bug(
      "tikv#11187, #11264: the first prewrite comes after its own retry and the commit",
      """
      plock start=5 for=5 pk=k : k
      prewrite start=5 for=5 pk=k : put/p k v ; put/s l w
      commit start=5 commit=8 : k l
      prewrite start=5 for=5 pk=k : put/p k v ; put/s l w => ok
      locks? => empty
      """),
    Bug(
      "tikv#9884, #12615, tidb#23477: a retry of a prewrite that fell back falls back",
      """
      maxts 50
      prewrite start=20 max=40 async pk=k : put k v => ok min=0
      maxts 20
      prewrite start=20 max=40 async pk=k : put k v => ok min=0
      lock? k => put async=0
      """),
    Bug(
      "tikv#11612, #12613: newer than the start is no conflict for a pessimistic transaction",
      """
      prewrite start=10 : put k v
      commit start=10 commit=11 : k
      prewrite start=9 for=12 pk=l : put/s k w ; put/p l w => ok
      prewrite start=9 for=10 pk=m : put/s k w => ok
      """),
    Bug(
      "tidb#60679: a key that was never locked is amended only if nobody has written it since",
      """
      prewrite start=6 : put k v
      commit start=6 commit=7 : k
      prewrite start=5 for=8 pk=k : put/p k w => pess-lock-not-found reason=LockMissingAmendFail
      prewrite start=9 for=9 pk=k : put/p k w => ok
      """),
  ]

  static let pessimistic = [
    Bug(
      "tikv#14311: a delayed request locks for an older statement",
      """
      plock start=5 for=9 : k
      prewrite start=5 for=9 pk=k : put/p k v expect=7 => pess-lock-not-found
      prewrite start=5 for=9 pk=k : put/p k v expect=9 => ok
      """),
    Bug(
      "tikv#14551: a pessimistic lock that was left is not committed",
      """
      plock start=5 for=5 pk=k : l
      resolve start=5 commit=9
      writes? l => empty
      lock? l => none
      """),
    Bug(
      "tikv#14692: a lock that was forced on a committed primary does not hide the commit",
      """
      plock start=5 for=5 : k
      prewrite start=5 for=5 pk=k : put/p k v
      commit start=5 commit=8 : k
      plock start=5 for=6 force values pk=k : k => ok conflictTs=8 value=v
      status k start=5 caller=0 now=max rb => committed ts=8
      lock? k => none
      """),
    Bug(
      "tidb#42937: a lock with another primary does not decide over the transaction",
      """
      prewrite start=5 pk=l : put k v
      status k start=5 caller=0 now=max rb => mismatch pk=l
      lock? k => put
      """),
    Bug(
      "client-rust#561: a missing pessimistic lock leaves no rollback",
      """
      status k start=5 caller=0 now=max rb pess => missing-nothing
      plock start=5 for=6 : k => ok
      """),
  ]

  static let reads = [
    Bug(
      "tikv#5536: a read of the newest version passes its own primary's lock",
      """
      putwrite k @20 start=10 value=w
      putlock k type=put pk=k start=5 value=v
      get k @max => w
      putlock k type=put pk=l start=5 value=v
      get k @max => locked
      """),
    Bug(
      "tikv#8669: what a read has seen does not change",
      """
      get k @30 => none
      prewrite start=20 async pk=k : put k v => ok min=31
      commit start=20 commit=30 : k => commit-expired min=31
      commit start=20 commit=31 : k
      get k @30 => none
      """),
    Bug(
      "tikv#9069: a lock in memory fails a whole batch",
      """
      prewrite start=1 : put a v
      commit start=1 commit=2 : a
      memlock k start=10 min=20
      bget a k @30 => locked key=k
      bget a k @15 => a=v
      scan @30 => locked key=k
      """),
    Bug(
      "tikv#10443: a stale read does not raise the timestamps of later commits",
      """
      get k @1000 stale => none
      prewrite start=5 1pc : put k v => ok onepc=6
      """),
    Bug(
      "tikv#14780: a last change that is not known is looked for",
      """
      putwrite k @2 start=1 value=v
      putwrite k @4 start=3 type=lock
      putwrite k @6 start=5 type=lock
      get k @9 => v
      plock start=10 for=10 : k
      lock? k => pess last=2/3
      """),
  ]

  static let garbage = [
    Bug(
      "tikv#1021: a lock record does not stand for the put below",
      """
      prewrite start=1 : put k v
      commit start=1 commit=2 : k
      prewrite start=3 : lock k
      commit start=3 commit=4 : k
      gc safe=9 : k
      get k @9 => v
      writes? k => 2:put@1
      """),
    Bug(
      "tikv#8339: a compaction keeps a delete that hides something",
      """
      putwrite k @2 start=1 value=v
      putwrite k @4 start=3 type=del
      compact safe=9 upper
      writes? k => 4:del@3
      compact safe=9
      writes? k => empty
      """),
    Bug(
      "tikv#9207, #9222: a record that another replica has collected is not seen again",
      """
      putwrite k @100 start=90 value=v overlapped fence=120
      get k @110 => v
      get k @140 => none
      prewrite start=150 : insert k w => ok
      """),
    Bug(
      "tikv#13448: flashback copies long values",
      """
      prewrite start=1 : put k v*300
      commit start=1 commit=2 : k
      prewrite start=3 : del k
      commit start=3 commit=4 : k
      flashback version=2 start=5 commit=6
      gc safe=7 : k
      get k @9 => v*300
      """),
  ]

  @Test(arguments: rollbacks + retries + pessimistic + reads + garbage)
  func isNotThere(_ bug: Bug) throws {
    let store = ScriptStore(try memoryEngine())
    for line in bug.script.split(separator: "\n") {
      let step = ScriptStep(String(line), line: 0)
      let result = try store.run(step)
      #expect(result.matches(step.expected, command: step.command), "\(line): \(result)")
    }
  }
}
