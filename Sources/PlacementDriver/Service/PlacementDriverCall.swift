package import Runtime

/// One request on its way to the driver, with the completion that is owed an answer.
package struct PlacementDriverCall: Sendable {
  let run: @Sendable (Result<PlacementDriver, PlacementError>, Moment) -> Void

  /// - Parameters:
  ///   - method: for example `PlacementDriver.getRegion`.
  ///   - completion: told on the driver's thread.
  package init<Request: Sendable, Response: Sendable>(
    _ method:
      @escaping @Sendable (PlacementDriver) -> (Request, Moment) throws(PlacementError) -> Response,
    _ request: Request,
    _ completion: Completion<Result<Response, PlacementError>>
  ) {
    self.init(completion) { (driver, moment) throws(PlacementError) in
      try method(driver)(request, moment)
    }
  }

  /// A call that is not a message of the protocol: what people and their tools ask.
  package init<Response: Sendable>(
    _ completion: Completion<Result<Response, PlacementError>>,
    _ body: @escaping @Sendable (PlacementDriver, Moment) throws(PlacementError) -> Response
  ) {
    run = { state, moment in
      do throws(PlacementError) {
        completion(.success(try body(state.get(), moment)))
      } catch {
        completion(.failure(error))
      }
    }
  }
}
