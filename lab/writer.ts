// A client that writes as fast as it is told and reads what it is answered: the load under which faults of replication
// show. It is an ordinary client; whoever looks at the server sees it as one.

import { connect } from 'node:net'
import { randomBytes } from 'node:crypto'
import type { Server } from './servers.ts'

export interface Writer {
  readonly answered: number // bytes
  stop(): void
}

export interface Writing {
  readonly bytesPerSecond: number
  readonly valueBytes?: number // 10,000 when absent
  readonly keys?: number // so many names in turn, 50 when absent: the dataset does not grow
}

const TICK_MS = 50

/** Starts at once. A server that goes away ends it silently. */
export function startWriter(
  { port, access }: Server,
  { bytesPerSecond, valueBytes = 10_000, keys = 50 }: Writing,
): Writer {
  const value = randomBytes(valueBytes / 2).toString('hex')
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => socket.destroy())
  let answered = 0
  socket.on('data', (bytes) => (answered += bytes.length))
  if (access.password !== undefined) socket.write(commandOf('AUTH', access.password))
  let [owed, at] = [0, 0]
  const timer = setInterval(() => {
    owed += (bytesPerSecond * TICK_MS) / 1_000
    for (; owed >= valueBytes && socket.writable; owed -= valueBytes) {
      socket.write(commandOf('SET', `page:${at % keys}`, value))
      at += 1
    }
  }, TICK_MS)
  return {
    get answered() {
      return answered
    },
    stop() {
      clearInterval(timer)
      socket.destroy()
    },
  }
}

function commandOf(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`
}
