/// One entry of a region's log, read whole: `raft_cmdpb.RaftCmdRequest`.
///
/// The apply path does not build these; see `CommandCodec.visit`.
package struct Command: Sendable, Hashable {
  package var header: CommandHeader
  package var mutations: [Mutation]
  package var admin: AdminCommand?

  package init(
    header: CommandHeader, mutations: [Mutation] = [], admin: AdminCommand? = nil
  ) {
    self.header = header
    self.mutations = mutations
    self.admin = admin
  }
}
