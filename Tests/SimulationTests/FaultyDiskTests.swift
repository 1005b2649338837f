import Engine
import Runtime
import SimulationKit
import Testing

/// What a damaged or dying disk does to those who use it.
@Suite struct FaultyDiskTests {
  private let scheduler = SimulationScheduler(seed: 1)

  private func disk() throws -> (SimulatedDisk, SimulatedProcess) {
    let machine = SimulatedMachine(number: 1, name: "store1", scheduler: scheduler)
    return (try SimulatedDisk(machine), machine.startProcess())
  }

  private func pair(_ key: String, _ value: String) -> WriteBatch {
    var batch = WriteBatch()
    batch.put(.default, Array(key.utf8), Array(value.utf8))
    return batch
  }

  @Test func aDamagedPairIsFoundByEveryKindOfReadUntilItIsReplaced() throws {
    let (disk, process) = try disk()
    let mount = try disk.mount(for: process)
    try mount.engine.write(pair("a", "1"), .synced)
    var damage = DiskDamage()
    damage.pair = .init(family: .default, key: Array("a".utf8), value: Array("1".utf8))
    disk.faults.damage = damage
    #expect(throws: EngineError.self) { try mount.engine.get(.default, Array("a".utf8)) }
    #expect(throws: EngineError.self) {
      try mount.engine.snapshot().get(.default, Array("a".utf8))
    }
    #expect(throws: EngineError.self) { try mount.engine.scan(.default) }
    #expect(disk.faults.damage.isFound)
    #expect(try mount.engine.get(.default, Array("b".utf8)) == nil)
    try mount.engine.write(pair("a", "2"), .synced)
    #expect(try mount.engine.get(.default, Array("a".utf8)) == Array("2".utf8))
  }

  @Test func damageThatNobodyFoundIsForgottenWhenItIsReplaced() throws {
    let (disk, process) = try disk()
    let mount = try disk.mount(for: process)
    try mount.engine.write(pair("a", "1"), .synced)
    disk.faults.damage.pair = .init(
      family: .default, key: Array("a".utf8), value: Array("1".utf8))
    disk.forgetReplacedDamage()
    #expect(!disk.faults.damage.isEmpty)
    try mount.engine.write(pair("a", "2"), .synced)
    disk.forgetReplacedDamage()
    #expect(disk.faults.damage.isEmpty)
  }

  @Test func aReadErrorStrikesOnceAndSnapshotsToo() throws {
    let (disk, process) = try disk()
    let mount = try disk.mount(for: process)
    disk.faults.healthy[.read] = 1
    let snapshot = mount.engine.snapshot()
    #expect(try snapshot.get(.default, [1]) == nil)
    #expect(throws: EngineError.self) { try snapshot.get(.default, [1]) }
    #expect(try snapshot.get(.default, [1]) == nil)
    #expect(disk.faults.injected == 1)
  }

  @Test func aDeathBeforeTheBarrierMayLoseTheWriteAndOneAfterItDoesNot() throws {
    for moment in DiskFaults.DeathPoint.allCases {
      let (disk, process) = try disk()
      let mount = try disk.mount(for: process)
      var deaths = 0
      disk.faults.onDeath = { deaths += 1 }
      // The write itself is the first operation, its barrier the second.
      disk.faults.crashAfter = (1, moment)
      if moment == .before {
        #expect(throws: EngineError.self) { try mount.engine.write(pair("a", "1"), .synced) }
        #expect(disk.engine.unsyncedWrites == 1)
      } else {
        try mount.engine.write(pair("a", "1"), .synced)
        #expect(disk.engine.unsyncedWrites == 0)
      }
      #expect(deaths == 1)
      #expect(!process.isAlive)
    }
  }
}
