// As much of one command as a server can do: redis-benchmark, which costs next to nothing itself.

import { spawnChild, makeFolder } from './children.ts'
import { goFirst } from './go-first.ts'
import type { Server } from './servers.ts'

const AT_ONCE = '8' // of each client; more would keep everybody else waiting
const FOR_EVER = '2000000000'

/** Returns what ends it. */
export async function startHeavyLoad(server: Server, command: readonly string[], clients: number): Promise<() => void> {
  const { password } = server.access
  const login = password === undefined ? [] : ['-a', password]
  const where = ['-h', server.address.host ?? 'localhost', '-p', String(server.port), ...login]
  const child = await spawnChild(
    'redis-benchmark',
    [...where, '-c', String(clients), '-P', AT_ONCE, '-n', FOR_EVER, '-q', ...command],
    { name: 'load', dir: makeFolder('load') },
  )
  goFirst(child.pid)
  return () => child.kill('SIGKILL')
}
