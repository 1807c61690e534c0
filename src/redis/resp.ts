// Commands as bytes, for the few places that speak to a server without a client library: the door, and the replication
// link, whose connection is no client's any more once it streams.

/** A command as an array of bulk strings (https://redis.io/docs/latest/develop/reference/protocol-spec/). */
export function encodeCommand(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`
}
