import PlacementDriver
import RPC
import Runtime
import SwiftProtobuf
import Synchronization
import Wire

// Splits that a client waits for. PD's core only begins them and says how far they are: the service asks again until
// they are done.
extension PDService {
  private static let splitInterval = Duration.milliseconds(100)
  /// Times that a request is carried on before its client gets what was reached: twenty seconds.
  private static let splitAttempts = 200
  /// Requests that may wait at a time.
  private static let maxWaiting = 64

  func registerSplits(on router: inout MethodRouter) {
    waiting("pdpb.PD/SplitRegions", on: &router, PDMethods.splitRegions) {
      $0.header.hasError || $0.finishedPercentage == 100
    }
    waiting("pdpb.PD/SplitAndScatterRegions", on: &router, PDMethods.splitAndScatterRegions) {
      $0.header.hasError || $0.splitFinishedPercentage == 100
    }
  }

  private func waiting<Request: Message, Response: Message>(
    _ path: String, on router: inout MethodRouter, _ method: @escaping Method<Request, Response>,
    until isDone: @escaping @Sendable (Response) -> Bool
  ) {
    let service = self
    router.unary("/\(path)") { payload, call in
      let request: Request
      do throws(RPCStatus) {
        request = try MessageCoding.decode(payload, malformed: .internal)
      } catch {
        return call.fail(error)
      }
      guard service.beginWaiting(Self.maxWaiting) else {
        return call.fail(
          RPCStatus(.unavailable, "\(Self.maxWaiting) splits are waited for already"))
      }
      service.carryOn(method, request, Self.splitAttempts, isDone) { result in
        service.endWaiting()
        switch result {
        case .success(let response): call.reply(message: response)
        case .failure(let error): call.fail(RPCStatus(error))
        }
      }
    }
  }

  /// Calls the method until its response is the last one, or attempts are used up.
  private func carryOn<Request: Message, Response: Message>(
    _ method: @escaping Method<Request, Response>, _ request: Request, _ attempts: Int,
    _ isDone: @escaping @Sendable (Response) -> Bool,
    _ completion: @escaping @Sendable (Result<Response, PDError>) -> Void
  ) {
    call(method, request) { [self] result in
      guard case .success(let response) = result, !isDone(response), attempts > 1 else {
        return completion(result)
      }
      _ = host.after(Self.splitInterval) { [self] in
        carryOn(method, request, attempts - 1, isDone, completion)
      }
    }
  }
}
