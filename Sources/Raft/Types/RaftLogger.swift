/// Where the core's log lines go. Lines below `minimumLevel` are not even built.
package protocol RaftLogger: AnyObject {
  var minimumLevel: RaftLogLevel { get }
  func log(_ level: RaftLogLevel, _ message: String)
}
