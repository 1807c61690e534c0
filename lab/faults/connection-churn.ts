// A client without a pool.

import { connect } from 'node:net'
import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import type { Server } from '../servers.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'An application opens a new connection for each command.',
  needs: [],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    let isGoing = false
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        isGoing = true
        const workers = random.between(10, 16)
        for (let at = 0; at < workers; at += 1) askOnce(primary, () => isGoing)
        await until('connections come and go', async () =>
          /total_connections_received:\d{3}/.test(await primary.cli('INFO', 'stats')),
        )
      },
      heal: () => Promise.resolve(void (isGoing = false)),
      async stop() {
        isGoing = false
        await stage.stop()
      },
    }
  },
} satisfies LabFault

/** Connects, asks one thing, leaves, and begins anew a moment later. */
function askOnce(server: Server, goesOn: () => boolean): void {
  if (!goesOn()) return
  const socket = connect(server.port, server.address.host)
  const { password } = server.access
  socket.on('connect', () =>
    socket.write(`${password === undefined ? '' : `AUTH "${password}"\r\n`}GET user:1\r\nQUIT\r\n`),
  )
  socket.on('error', () => undefined)
  socket.resume()
  socket.once('close', () => setTimeout(() => askOnce(server, goesOn), 10))
}
