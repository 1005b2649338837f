/// `raft_cmdpb.CmdType`, as far as the log holds such requests.
enum RequestNumber: UInt32 {
  case put = 3
  case delete = 4
  case deleteRange = 7
}

/// `raft_cmdpb.AdminCmdType`.
enum AdminNumber: Int {
  case changePeer = 1
  case compactLog = 3
  case transferLeader = 4
  case batchSplit = 10
  case changePeerV2 = 11
}
