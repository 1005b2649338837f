import Runtime

/// Why a call has no response.
package enum CallFailure: Error, Sendable, Hashable {
  /// It never reached a process: certainly not carried out.
  case refused
  /// It may have been carried out or not.
  case lost
}

extension SimulatedNetwork {
  /// Calls a process on another machine.
  ///
  /// - Parameters:
  ///   - asker: the calling process; it gets no response once it is dead.
  ///   - serve: runs inside the called process and passes the response to its second parameter, once.
  ///   - completion: called once, at the latest when `timeout` is over, unless the asker dies.
  package func call<Response>(
    from asker: SimulatedProcess, to: SimulatedMachine, timeout: Duration,
    serve: @escaping (SimulatedProcess, @escaping (Response) -> Void) -> Void,
    completion: @escaping (Result<Response, CallFailure>) -> Void
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
      serve(process) { response in
        // A dead process sends no response.
        guard process.isAlive else { return }
        network.send(
          .call, from: to.number, to: origin, lost: { fail(.lost) }
        ) { receiver in
          guard receiver === asker else { return }
          state.end(.success(response))
        }
      }
    }
  }
}

/// Ends a call once, whichever of its ends comes first.
private final class CallState<Response> {
  private var completion: ((Result<Response, CallFailure>) -> Void)?

  init(_ completion: @escaping (Result<Response, CallFailure>) -> Void) {
    self.completion = completion
  }

  func end(_ result: Result<Response, CallFailure>) {
    let completion = completion
    self.completion = nil
    completion?(result)
  }
}
