import Runtime

/// Why a call has no response.
package enum CallFailure: Error, Sendable, Hashable {
  /// It never reached a process: certainly not carried out.
  case refused
  /// No one knows what became of it.
  case lost
}

extension SimulatedNetwork {
  /// Asks a process on another machine.
  ///
  /// - Parameters:
  ///   - asker: the calling process; it gets no response once it is dead.
  ///   - serve: runs inside the asked process and passes the response to its second parameter, once.
  ///   - completion: called once, at the latest when `timeout` is over, unless the asker dies.
  package func call<Answer>(
    from asker: SimulatedProcess, to: SimulatedMachine, timeout: Duration,
    serve: @escaping (SimulatedProcess, @escaping (Answer) -> Void) -> Void,
    completion: @escaping (Result<Answer, CallFailure>) -> Void
  ) {
    let state = CallState(completion)
    let network = self
    let origin = asker.machine
    // A failure that is noticed takes as long as a response would have.
    func fail(_ failure: CallFailure) {
      scheduler.after(.microseconds(200), in: asker) { state.end(.failure(failure)) }
    }
    scheduler.after(timeout, in: asker) { state.end(.failure(.lost)) }
    send(
      .call, from: origin.number, to: to, lost: { fail(.refused) }
    ) { process in
      serve(process) { answer in
        // A dead process responds no one.
        guard process.isAlive else { return }
        network.send(
          .call, from: to.number, to: origin, lost: { fail(.lost) }
        ) { receiver in
          guard receiver === asker else { return }
          state.end(.success(answer))
        }
      }
    }
  }
}

/// Safety: belongs to the one thread of its scheduler.
private final class CallState<Answer> {
  private var completion: ((Result<Answer, CallFailure>) -> Void)?

  init(_ completion: @escaping (Result<Answer, CallFailure>) -> Void) {
    self.completion = completion
  }

  func end(_ result: Result<Answer, CallFailure>) {
    let completion = completion
    self.completion = nil
    completion?(result)
  }
}
