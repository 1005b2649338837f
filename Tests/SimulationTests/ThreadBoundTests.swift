import Runtime
import SimulationKit
import Testing

@Suite struct ThreadBoundTests {
  @Test func theOwnerReadsAndChangesTheValue() {
    let box = ThreadBound([1])
    box.value.append(2)
    #expect(box.value == [1, 2])
  }

  /// The check is in every build: what several threads share is not deterministic.
  @Test func anotherThreadTraps() async {
    await #expect(processExitsWith: .failure) {
      let box = ThreadBound(1)
      JoinableThread(name: "other") { box.value += 1 }.join()
    }
  }

  @Test func theOwnersAccessDoesNotTrap() async {
    await #expect(processExitsWith: .success) {
      let box = ThreadBound(1)
      box.value += 1
    }
  }
}
