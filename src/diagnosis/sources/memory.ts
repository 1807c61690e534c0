// MEMORY STATS: where the memory goes, as the server accounts for it.

import type { Reply } from '../../redis/connection.ts'
import type { Source } from '../source.ts'

export default {
  looksAt: 'MEMORY STATS',
  asks: true,

  async look(server) {
    if (server.view.role === 'sentinel') return undefined
    return Object.fromEntries(numbersIn(await server.ask('MEMORY', 'STATS'), ''))
  },
} satisfies Source<'memory'>

/** A map as a flat list of names and values, and maps within it under their name. */
function numbersIn(reply: Reply, under: string): [string, number][] {
  if (!Array.isArray(reply)) return []
  const found: [string, number][] = []
  for (let at = 0; at + 1 < reply.length; at += 2) {
    const [name, value = null] = reply.slice(at, at + 2)
    const path = under === '' ? String(name) : `${under}.${String(name)}`
    if (Array.isArray(value)) found.push(...numbersIn(value, path))
    else if (!Number.isNaN(Number(value))) found.push([path, Number(value)])
  }
  return found
}
