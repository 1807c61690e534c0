// The log of a container as an engine sends it. Without a terminal, standard output and standard error come as frames in
// one stream: a byte for which it is, three of nothing, four for the length (Docker Engine API, "Attach to a container").
// With a terminal they are one, and plain.

import type { LogLine } from '../redis/server-log.ts'

const HEAD_BYTES = 8

/** The lines of both outputs; each of its output whole, in the order in which they ended. */
export async function* engineLines(stream: AsyncIterable<Buffer>, isTerminal: boolean): AsyncGenerator<LogLine> {
  const open = new Map<number, Buffer>() // by output: what has no end of line yet
  for await (const { output, bytes } of isTerminal ? plain(stream) : frames(stream)) {
    const before = open.get(output)
    let rest = before === undefined || before.length === 0 ? bytes : Buffer.concat([before, bytes])
    for (let end = rest.indexOf(0x0a); end !== -1; end = rest.indexOf(0x0a)) {
      yield lineOf(rest.subarray(0, end))
      rest = rest.subarray(end + 1)
    }
    open.set(output, rest)
  }
  for (const rest of open.values()) if (rest.length > 0) yield lineOf(rest)
}

async function* plain(stream: AsyncIterable<Buffer>): AsyncGenerator<{ output: number; bytes: Buffer }> {
  for await (const bytes of stream) yield { output: 1, bytes }
}

async function* frames(stream: AsyncIterable<Buffer>): AsyncGenerator<{ output: number; bytes: Buffer }> {
  let held: Buffer = Buffer.alloc(0)
  for await (const chunk of stream) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    while (held.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + held.readUInt32BE(4)
      if (held.length < end) break
      yield { output: held[0] ?? 1, bytes: held.subarray(HEAD_BYTES, end) }
      held = held.subarray(end)
    }
  }
}

/** `2026-11-21T12:11:18.235037509Z text`; Podman gives whole seconds, so that a line's own time is the better one. */
function lineOf(bytes: Buffer): LogLine {
  const text = bytes.toString('utf8').replace(/\r$/, '')
  const [whole, stamp = ''] = /^(\d{4}-\d\d-\d\dT\S+) ?/.exec(text) ?? []
  const at = whole === undefined ? Number.NaN : Date.parse(stamp)
  return Number.isNaN(at) ? { text } : { text: text.slice(whole?.length), at }
}
