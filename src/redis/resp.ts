// Commands as bytes, for the few places that speak to a server without a client library: the door, and the replication
// link, whose connection is no client's any more once it streams.

/** A command as an array of bulk strings (https://redis.io/docs/latest/develop/reference/protocol-spec/). */
export function encodeCommand(words: readonly string[]): string {
  let text = `*${words.length}\r\n`
  for (const word of words) text += `$${byteLength(word)}\r\n${word}\r\n`
  return text
}

/** Most words are short and of ASCII, for which this is cheaper than a call out of JavaScript. */
function byteLength(word: string): number {
  if (word.length > 64) return Buffer.byteLength(word)
  for (let at = 0; at < word.length; at += 1) if (word.charCodeAt(at) > 127) return Buffer.byteLength(word)
  return word.length
}

/** The same with words that are bytes: keys may be anything. */
export function encodeBytes(words: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)]
  for (const word of words) {
    const bytes = typeof word === 'string' ? Buffer.from(word) : word
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, CRLF)
  }
  return Buffer.concat(parts)
}

const CRLF = Buffer.from('\r\n')
