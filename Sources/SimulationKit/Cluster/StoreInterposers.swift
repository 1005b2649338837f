package import Codec
package import Engine
package import RaftLog
package import Raftstore
package import Runtime
package import Storage

/// Wrappers between a store and its dependencies, applied each time it starts: mutants are built with
/// them, outside the store's own code.
package struct StoreInterposers {
  package typealias Wrap<Part> = (
    _ part: Part, _ store: SimulatedStore, _ process: SimulatedProcess
  )
    -> Part

  package var engine: Wrap<any KVEngine> = { part, _, _ in part }
  package var logs: Wrap<any RaftLogStore> = { part, _, _ in part }
  /// Of a segment log.
  package var logFiles: Wrap<any RandomAccessFileSystem> = { part, _, _ in part }
  package var files: Wrap<any FileSystem> = { part, _, _ in part }
  package var transport: Wrap<any Transport> = { part, _, _ in part }
  package var pd: Wrap<any PDClient> = { part, _, _ in part }
  package var host: Wrap<any WorkerHost> = { part, _, _ in part }
  package var config: Wrap<RaftstoreConfig> = { part, _, _ in part }
  package var storage: Wrap<any Storage> = { part, _, _ in part }

  package init() {}
}
