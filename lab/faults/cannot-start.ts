// A restart that fails before any data is read: the port is taken meanwhile, a line of the configuration is wrong, the log
// cannot be opened. Only the first is told in the log; the others on standard error alone.

import { appendFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { LabFault, Variant } from '../fault.ts'
import type { Server } from '../servers.ts'
import { startStage } from '../stage.ts'

const variants: readonly Variant[] = [
  { name: 'a wrong line in the configuration', keys: 1_000, set: { line: 'maxmemory banana' } },
  { name: 'the port is taken', keys: 5_000, password: true, set: { line: '' } },
  { name: 'a wrong setting, with a replica', keys: 2_000, replicas: 1, set: { line: 'appendfsync sometimes' } },
  { name: 'the log cannot be opened', keys: 1_000, set: { line: 'logfile /nonexistent/redis.log' } },
]

export default {
  says: 'The server is restarted and cannot start.',
  needs: [],
  variants,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const line = String(variant.set?.['line'])
    const squatter = createServer((socket) => socket.on('error', () => undefined))
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await primary.kill('SIGTERM')
        if (line !== '') appendFileSync(primary.confFile, `${line}\n`)
        else await new Promise<void>((resolve) => squatter.listen(primary.port, '127.0.0.1', resolve))
        await restartInVain(primary)
      },
      async stop() {
        squatter.close()
        await stage.stop()
      },
    }
  },
} satisfies LabFault

async function restartInVain(server: Server): Promise<void> {
  const started = await server.restart().then(
    () => true,
    () => false,
  )
  await server.exited
  if (started && server.running) throw new Error(`${server.id} started although it could not`)
}
