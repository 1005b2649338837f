import Glibc

/// A value that only the thread that created the box may touch, in code that demands `Sendable`.
///
/// A simulated run is single-threaded, but it runs production code, whose closures and protocols are
/// sendable because production passes them between threads. Types of the simulation keep their state in
/// boxes and are sendable without an exception of their own; closures capture a box instead of what is in
/// it. Every access checks the thread, in release builds too, as SwiftNIO's `NIOLoopBoundBox` does. The
/// value may be destroyed on any thread.
///
/// Safety of `@unchecked Sendable`: `stored` is reached only through `value`, which traps on every thread
/// but one.
package final class ThreadBound<Value>: @unchecked Sendable {
  private let owner = pthread_self()
  private var stored: Value

  package init(_ value: Value) {
    stored = value
  }

  /// Whether the calling thread may touch the value.
  package var isOnOwner: Bool { pthread_equal(owner, pthread_self()) != 0 }

  /// Traps on any other thread than the one that created the box.
  package var value: Value {
    get {
      precondition(isOnOwner, "the state of a simulated run is used on another thread")
      return stored
    }
    _modify {
      precondition(isOnOwner, "the state of a simulated run is used on another thread")
      yield &stored
    }
  }
}
