// Who listens on the server's port on this machine: nobody, the server on another address, or another program.

import { listeningSocket, listeningSockets, nameOf } from '../../supervisors/listening.ts'
import { listeningOf, ownerOfSocket } from '../../supervisors/look-at-process.ts'
import type { ListeningSeen } from '../evidence.ts'
import type { Source } from '../source.ts'

export default {
  looksAt: 'the sockets of this machine that listen',
  asks: false,
  after: ['process'],

  async look(server, seen) {
    const { address } = server.view
    if (!server.local || process.platform !== 'linux') return undefined
    const end = address.path ?? `:${address.port}`
    const all = listeningSockets()
    const pid = seen.process?.pid ?? server.remembered.pid
    const own = pid === undefined ? [] : listeningOf(pid, all)
    const here = address.path === undefined ? nameOf({ host: address.host, port: address.port }) : address.path
    const where = address.path === undefined ? { host: address.host, port: address.port } : { path: address.path }
    const met = listeningSocket(where, all)
    return {
      meets: met?.name,
      owner: met === undefined ? undefined : await ownerOfSocket(met, pid),
      sockets: [...all.tcp, ...all.unix]
        .filter(({ name }) => name.endsWith(end))
        .map(({ name, queue }) => ({ name, queue })),
      otherPorts: own.filter((name) => name !== here),
    } satisfies ListeningSeen
  },
} satisfies Source<'listening'>
