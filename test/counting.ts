// Writers that count up and remember when each count was acknowledged, so that it can be said of what is left after a kill
// how much of it is missing: how many writes that somebody was told are safe, and how old the oldest of them was.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Server } from '../lab/servers.ts'
import { openConnection, type Connection } from '../src/redis/connection.ts'

export interface CountingOptions {
  readonly writers?: number // 4 when absent
  readonly prefix?: string // of the keys, `proof:` when absent: in a Cluster with a tag
  /** A write counts as acknowledged when so many replicas have it, too (WAIT); 0 when absent. */
  readonly wait?: number
}

interface Acknowledged {
  readonly count: number
  readonly at: number // performance.now()
}

interface Writer {
  readonly key: string
  from: number // count when it began this time
  sent: number
  acknowledged: Acknowledged[] // since it began this time, in order
  highest: number // that was ever acknowledged
}

const PAUSE_MS = 2 // fine enough for what is measured, and leaves the machine to those who are tested

export class Counting {
  readonly #options: Required<CountingOptions>
  readonly #writers: readonly Writer[]
  #connections: Connection[] = []
  #running: Promise<void> = Promise.resolve()
  #stopped = true

  constructor({ writers = 4, prefix = 'proof:', wait = 0 }: CountingOptions = {}) {
    this.#options = { writers, prefix, wait }
    this.#writers = Array.from({ length: writers }, (_none, at) => ({
      key: `${prefix}${at}`,
      from: 0,
      sent: 0,
      acknowledged: [],
      highest: 0,
    }))
  }

  get acknowledged(): number {
    return this.#writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0)
  }

  /** Counts on, from what is there and from nothing that was sent before. Ends by itself when the server is gone. */
  async start({ address, access }: Server): Promise<void> {
    this.#stopped = false
    const open = this.#writers.map(() => openConnection({ address, access, timeoutMs: 30_000 }))
    this.#connections = await Promise.all(open)
    for (const [at, writer] of this.#writers.entries()) {
      writer.from = Number((await this.#connections[at]?.send('GET', writer.key)) ?? 0)
      writer.acknowledged = []
    }
    this.#running = Promise.all(this.#writers.map((writer, at) => this.#run(writer, this.#connections[at]))).then(
      () => undefined,
    )
  }

  /** Resolves when nothing is on its way any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    for (const connection of this.#connections.splice(0)) connection.close()
  }

  /** What a server has of it. */
  async readFrom(server: Server): Promise<number[]> {
    const lines = await Promise.all(this.#writers.map(({ key }) => server.cli('GET', key)))
    return lines.map(Number)
  }

  /** How many counts are missing of the highest that was ever acknowledged, over all writers. */
  missing(has: readonly number[]): number {
    return this.#writers.reduce((sum, { highest }, at) => sum + Math.max(0, highest - (has[at] ?? 0)), 0)
  }

  /**
   * How long before that moment the oldest write was acknowledged that is missing, in ms. 0: none of those that were
   * acknowledged by then. Infinity: not even what was there before they began.
   */
  lostMs(has: readonly number[], at: number): number {
    const lost = this.#writers.map(({ from, acknowledged }, index) => {
      const count = has[index] ?? 0
      if (count < from) return Infinity
      const oldest = acknowledged.find((each) => each.count > count)
      return oldest === undefined ? 0 : Math.max(0, at - oldest.at)
    })
    return Math.max(...lost)
  }

  async #run(writer: Writer, connection: Connection | undefined): Promise<void> {
    if (connection === undefined) return
    const isOn = (): boolean => connection.open && !this.#stopped
    while (isOn())
      try {
        const count = (writer.sent = Math.max(writer.sent, writer.from) + 1)
        await connection.send('SET', writer.key, String(count))
        const { wait } = this.#options
        const isKnown = wait === 0 || Number(await connection.send('WAIT', String(wait), '10000')) >= wait
        if (isKnown) {
          writer.acknowledged.push({ count, at: performance.now() })
          writer.highest = count
        }
        await sleep(PAUSE_MS)
      } catch {
        return // the server is gone: that is what it is about
      }
  }
}
