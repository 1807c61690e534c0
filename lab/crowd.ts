// Many connections to one server that say nothing: applications without a pool, or one that leaks them.

import { connect, type Socket } from 'node:net'
import type { Server } from './servers.ts'

export interface Crowd {
  leave(): void
}

/** Opens so many, and does not wait until they are accepted. */
export function crowdAt({ port }: Server, count: number): Crowd {
  const sockets: Socket[] = []
  for (let at = 0; at < count; at += 1) sockets.push(connect({ host: '127.0.0.1', port }).on('error', () => undefined)) // a full server cuts it
  return { leave: () => sockets.forEach((socket) => socket.destroy()) }
}
