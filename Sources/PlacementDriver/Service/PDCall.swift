package import Runtime

/// The messages of PD's worker.
package enum PDMessage: Sendable {
  case call(PDCall)
  /// The heartbeat stream of a store broke.
  case storeDisconnected(UInt64)
  /// A few times a second.
  case tick
}

/// One call to PD with its completion.
package struct PDCall: Sendable {
  let run: @Sendable (Result<PDCore, PDError>, ClockReading) -> Void

  /// - Parameters:
  ///   - completion: called on PD's thread.
  ///   - body: called on PD's thread, unless PD's state could not be opened.
  package init<Response: Sendable>(
    _ completion: Completion<Result<Response, PDError>>,
    _ body: @escaping @Sendable (PDCore, ClockReading) throws(PDError) -> Response
  ) {
    run = { state, reading in
      do throws(PDError) {
        completion(.success(try body(state.get(), reading)))
      } catch {
        completion(.failure(error))
      }
    }
  }
}
