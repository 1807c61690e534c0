// Faults that can be inflicted on any server that runs, whatever else is wrong elsewhere: the second of two faults at
// once. Their names are those of the faults that they are.

import { crowdAt } from './crowd.ts'
import { untilMet } from './meets.ts'
import type { Server } from './servers.ts'
import { until } from './until.ts'

/** Returns when it can be seen. It ends with the server. */
export type Injury = (server: Server) => Promise<void>

export const INJURIES: Readonly<Record<string, Injury>> = {
  'process-stopped': (server) => server.kill('SIGSTOP'),

  'process-down': (server) => server.kill('SIGKILL'),

  async 'client-pause'(server) {
    await server.cli('CLIENT', 'PAUSE', '120000', 'ALL')
    await untilMet('silent', server)
  },

  async 'busy-script'(server) {
    await server.cli('CONFIG', 'SET', 'busy-reply-threshold', '200')
    server.cli('EVAL', 'while true do end', '0').catch(() => '') // it has no answer
    await untilMet('busy', server)
  },

  async 'maxclients-reached'(server) {
    await server.cli('CONFIG', 'SET', 'maxclients', '1')
    crowdAt(server, 3) // a replica whose link is down has no client to begin with
    await untilMet('maxclients', server)
  },

  async 'wrong-password'(server) {
    await server.cli('CONFIG', 'SET', 'requirepass', 'another one')
    await until('it asks for another password', async () => (await server.cli('PING')).includes('NOAUTH'))
  },
}
