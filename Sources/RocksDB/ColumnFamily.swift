/// A column family of an open database; good for that database alone.
package struct ColumnFamily: Sendable {
  package let name: String
  let connection: Connection
  let position: Int

  var handle: OpaquePointer { connection.families[position] }
}
