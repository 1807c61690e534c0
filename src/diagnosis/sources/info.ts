// INFO, twice, a second apart: what counts upwards gives a rate only when it is read twice.

import { setTimeout as sleep } from 'node:timers/promises'
import { parseInfo } from '../../redis/info.ts'
import type { ServerAtHand, Source } from '../source.ts'

const APART_MS = 1_000

export default {
  looksAt: 'INFO everything, twice, a second apart',
  asks: true,
  withinMs: 3_000,

  async look(server) {
    const before = await read(server)
    const started = performance.now()
    await sleep(APART_MS)
    const askedAt = Date.now()
    const fields = await read(server)
    return { before, fields, apartMs: Math.round(performance.now() - started), askedAt, answeredAt: Date.now() }
  },
} satisfies Source<'info'>

async function read(server: ServerAtHand): Promise<Record<string, string>> {
  return Object.fromEntries(parseInfo(String(await server.ask('INFO', 'everything'))))
}
