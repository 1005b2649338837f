package import Runtime

/// One request to PD with its completion.
package struct PDCall: Sendable {
  let run: @Sendable (Result<PDCore, PDError>, ClockReading) -> Void

  /// - Parameters:
  ///   - method: for example `PDCore.getRegion`.
  ///   - completion: called on the driver's thread.
  package init<Request: Sendable, Response: Sendable>(
    _ method:
      @escaping @Sendable (PDCore) -> (Request, ClockReading) throws(PDError) -> Response,
    _ request: Request,
    _ completion: Completion<Result<Response, PDError>>
  ) {
    self.init(completion) { (driver, reading) throws(PDError) in
      try method(driver)(request, reading)
    }
  }

  /// A call that is not a message of the protocol: what people and their tools ask.
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
