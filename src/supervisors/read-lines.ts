// Lines of a file or of a stream, and the place in a long log from which reading is worth while.

import { createReadStream } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { timeOfLine, type LogLine } from '../redis/server-log.ts'

const CHUNK_BYTES = 1 << 20
const LONGEST_LINE = 1 << 20

/** The lines of a log file, from about `sinceMs` on: a log of gigabytes is read from its end. */
export async function* logFileLines(path: string, sinceMs?: number): AsyncGenerator<LogLine> {
  const start = sinceMs === undefined ? 0 : await startOf(path, sinceMs)
  const stream = createReadStream(path, { start })
  try {
    for await (const text of linesOf(stream)) yield { text }
  } finally {
    stream.destroy()
  }
}

/** When the last dated line of a file was logged, as this machine's clock would mean it. */
export async function lastLoggedMs(path: string): Promise<number | undefined> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const lines = await chunkLines(file, Math.max(0, size - CHUNK_BYTES), size)
    return lines.map(({ text }) => timeOfLine(text)).findLast((at) => at !== undefined)
  } finally {
    await file.close()
  }
}

/** Goes back chunk by chunk until one begins before that time. Costs what will be read anyway, and one chunk more. */
async function startOf(path: string, sinceMs: number): Promise<number> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    for (let start = size - CHUNK_BYTES; start > 0; start -= CHUNK_BYTES) {
      const dated = (await chunkLines(file, start, start + CHUNK_BYTES))
        .slice(1) // the first is the end of a line
        .map(({ text, offset }) => ({ at: timeOfLine(text), offset }))
        .find(({ at }) => at !== undefined)
      if (dated?.at !== undefined && dated.at < sinceMs) return dated.offset
    }
    return 0
  } finally {
    await file.close()
  }
}

async function chunkLines(file: FileHandle, start: number, end: number): Promise<{ text: string; offset: number }[]> {
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(end - start), position: start })
  const lines: { text: string; offset: number }[] = []
  let from = 0
  while (from < bytesRead) {
    const newline = buffer.subarray(0, bytesRead).indexOf(0x0a, from)
    const to = newline === -1 ? bytesRead : newline
    lines.push({ text: buffer.toString('utf8', from, to), offset: start + from })
    from = to + 1
  }
  return lines
}

/** Without their ends. What goes on for a mebibyte without one is no line of a log, and is cut there. */
export async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<string> {
  const lines = createInterface({ input: stream, crlfDelay: Infinity })
  let failure: Error | undefined
  stream.once('error', (error: Error) => {
    failure = error
    lines.close()
  })
  for await (const line of lines) yield line.length > LONGEST_LINE ? line.slice(0, LONGEST_LINE) : line
  if (failure !== undefined) throw failure
}
