// Snapshots and rewrites of a server of the lab: to ask for one and wait for how it ends, to find its child, to load, and to write
// keys that count as changes (DEBUG POPULATE does not).

import { readFileSync } from 'node:fs'
import type { Server } from './servers.ts'
import { until } from './until.ts'

/** A field of INFO as text; '' where it is not said. */
export async function infoField(server: Server, section: string, field: string): Promise<string> {
  const text = await server.cli('INFO', section)
  return new RegExp(`^${field}:(.*)$`, 'm').exec(text)?.[1] ?? ''
}

/** Asks for a snapshot, and waits until it has ended with that status. */
export async function snapshotEnds(server: Server, status: 'ok' | 'err'): Promise<void> {
  await server.cli('BGSAVE')
  await until(`the snapshot of ${server.id} ends with ${status}`, async () => {
    const text = await server.cli('INFO', 'persistence')
    return text.includes('rdb_bgsave_in_progress:0') && text.includes(`rdb_last_bgsave_status:${status}`)
  })
}

/** Starts a server again on the files that lie in its folder now, and waits until it has read them. */
export async function restartAndLoad(server: Server): Promise<void> {
  await server.restart()
  await until(`${server.id} has loaded`, async () => (await infoField(server, 'persistence', 'loading')) === '0')
}

/** The pid of the child that writes a snapshot or rewrites; waits for one. */
export function childOf(server: Server): Promise<number> {
  return until(`${server.id} has a child`, () => {
    const pid = Number(readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8').split(' ')[0])
    return pid > 0 ? pid : undefined
  })
}

const WRITER = "for i = 1, ARGV[1] do redis.call('SET', ARGV[2] .. i, string.rep('x', ARGV[3])) end"

/** Writes so many keys of so many bytes under a prefix, as an application does. */
export async function write(server: Server, keys: number, bytes = 20, prefix = 'order:'): Promise<void> {
  await server.cli('EVAL', WRITER, '0', String(keys), prefix, String(bytes))
}
