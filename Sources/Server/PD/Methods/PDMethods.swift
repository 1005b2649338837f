import Codec
import PlacementDriver
import Runtime
import Wire

/// The methods of `pdpb.PD`: each converts its request to plain values, calls `PDCore`, and converts the result.
/// They run on PD's thread. An error that is thrown is the status of the call.
enum PDMethods {
  /// Checks that a request is for this cluster and fills in a response. A refusal becomes a response with nothing but
  /// a header: half a response could be taken for a whole one.
  static func respond<Request: PDRequest, Response: PDResponse>(
    _ core: PDCore, _ request: Request, _ fill: (inout Response) throws(PDError) -> Void
  ) throws(PDError) -> Response {
    try core.requireCluster(id: request.header.clusterID)
    var response = Response()
    response.header = header(core.clusterID)
    do {
      try fill(&response)
      return response
    } catch {
      var refused = Response()
      refused.header = try header(core.clusterID, refusal: error)
      return refused
    }
  }

  /// The header of a response that refuses nothing.
  static func header(_ clusterID: UInt64) -> Pdpb_ResponseHeader {
    var header = Pdpb_ResponseHeader()
    header.clusterID = clusterID
    return header
  }

  /// The header of a response that refuses its request; rethrows an error that is no refusal.
  static func header(
    _ clusterID: UInt64, refusal error: PDError
  ) throws(PDError) -> Pdpb_ResponseHeader {
    guard let refusal = error.refusal else { throw error }
    var header = header(clusterID)
    header.error.type = Pdpb_ErrorType(refusal)
    header.error.message = error.message
    return header
  }

  // MARK: Plain values

  static func plain(_ store: Metapb_Store) throws(PDError) -> StoreInfo {
    do {
      return try StoreInfo(store)
    } catch {
      throw PDError(refusal: .unknown, "invalid store: \(error)")
    }
  }

  static func plain(_ region: Metapb_Region) throws(PDError) -> Region {
    do {
      return try Region(region)
    } catch {
      throw PDError(refusal: .unknown, "invalid region: \(error)")
    }
  }

  static func plain(_ peer: Metapb_Peer) throws(PDError) -> PeerInfo {
    do {
      return try PeerInfo(peer)
    } catch {
      throw PDError(refusal: .unknown, "invalid peer: \(error)")
    }
  }
}

extension Pdpb_ErrorType {
  init(_ refusal: PDError.Refusal) {
    self =
      switch refusal {
      case .unknown: .unknown
      case .notBootstrapped: .notBootstrapped
      case .storeTombstone: .storeTombstone
      case .alreadyBootstrapped: .alreadyBootstrapped
      case .regionNotFound: .regionNotFound
      case .duplicatedEntry: .duplicatedEntry
      case .entryNotFound: .entryNotFound
      case .invalidValue: .invalidValue
      case .regionsNotContainAllKeyRange: .regionsNotContainAllKeyRange
      }
  }
}
