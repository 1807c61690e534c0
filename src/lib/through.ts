// Pushes the chunks of a source through a transform of Node's (zlib, mostly) and gives what comes out, chunk by chunk. An
// error on either side ends both.

import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

export async function* through(
  source: AsyncIterable<Uint8Array>,
  transform: NodeJS.ReadWriteStream,
): AsyncGenerator<Buffer> {
  const out = new PassThrough({ readableHighWaterMark: 512 * 1024 })
  const one = { objectMode: true, highWaterMark: 1 } // chunk ahead: a chunk may be large
  const done = pipeline(Readable.from(source, one), transform, out)
  done.catch(() => undefined) // it is thrown below, when the chunks have been read
  try {
    for await (const chunk of out) yield chunk as Buffer
  } finally {
    out.destroy()
  }
  await done
}
