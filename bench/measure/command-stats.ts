// What a server itself counts of the commands that it was sent: INFO commandstats, before and after.

import type { Server } from '../../lab/servers.ts'

/** What a server says that it spent in one command. */
export interface Spent {
  readonly calls: number
  readonly usec: number
}

/** By command, `CLIENT LIST`, since the server started. */
export async function commandStats(server: Server): Promise<Map<string, Spent>> {
  const text = await server.cli('INFO', 'commandstats')
  const rows = text.matchAll(/^cmdstat_([^:]+):calls=(\d+),usec=(\d+)/gm)
  return new Map(
    [...rows].map(([, name = '', calls, usec]) => [
      name.toUpperCase().replace('|', ' '),
      { calls: Number(calls), usec: Number(usec) },
    ]),
  )
}

/** What was spent between the two, the most first. */
export function difference(before: Map<string, Spent>, after: Map<string, Spent>): [string, Spent][] {
  const zero: Spent = { calls: 0, usec: 0 }
  return [...after]
    .map(([name, { calls, usec }]): [string, Spent] => {
      const was = before.get(name) ?? zero
      return [name, { calls: calls - was.calls, usec: usec - was.usec }]
    })
    .filter(([, { calls }]) => calls > 0)
    .toSorted(([, a], [, b]) => b.usec - a.usec)
}
