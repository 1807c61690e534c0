// A server without a password on every address; a web page that talks to it; somebody who makes it write where cron reads.

import { connect } from 'node:net'
import type { LabFault, Variant } from '../fault.ts'
import type { Server } from '../servers.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

const variants: readonly Variant[] = [
  { name: 'open to everybody', keys: 1_000, conf: ['bind 0.0.0.0'], set: { how: 'open' } },
  { name: 'a web page talks to it', keys: 20_000, password: true, set: { how: 'page' } },
  { name: 'it writes where cron reads', keys: 5_000, set: { how: 'cron' } },
]

export default {
  says: 'Anybody may command the server, and somebody tries.',
  needs: [],
  variants,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const how = String(variant.set?.['how'])
    return {
      ...stage,
      expects: { server: primary.id, kind: how === 'open' ? 'risk' : 'fault' },
      async inject() {
        if (how === 'open') await primary.cli('CONFIG', 'SET', 'protected-mode', 'no')
        else if (how === 'page') await talkAsABrowser(primary)
        else await primary.cli('CONFIG', 'SET', 'dir', '/etc/cron.d', 'dbfilename', 'root')
      },
    }
  },
} satisfies LabFault

async function talkAsABrowser(server: Server): Promise<void> {
  const socket = connect(server.port, '127.0.0.1').on('error', () => undefined)
  socket.write('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  await until('the server notices', () => server.log().includes('SECURITY ATTACK'))
  socket.destroy()
}
