/// A column family of an open database; good for that database alone.
package struct DBColumnFamily: Sendable {
  package let name: String
  let connection: DBHandle
  let position: Int

  var handle: OpaquePointer { connection.families[position] }
}
