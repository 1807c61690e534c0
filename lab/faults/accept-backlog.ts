// The kernel allows a short queue of connections that wait to be accepted, and a burst of them overflows it.

import { readFileSync, writeFileSync } from 'node:fs'
import { crowdAt } from '../crowd.ts'
import type { LabFault, Variant } from '../fault.ts'
import { untilMet } from '../meets.ts'
import type { Server } from '../servers.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

const variants: readonly Variant[] = [
  { name: 'a burst overflowed it', keys: 1_000, set: { somaxconn: 16, burst: 60 } },
  { name: 'a burst overflowed it, with a password', keys: 20_000, password: true, set: { somaxconn: 32, burst: 120 } },
  { name: 'no burst yet, with a replica', keys: 5_000, replicas: 1, set: { somaxconn: 128, burst: 0 } },
]

export default {
  says: 'The queue for new connections is cut short by the kernel, and bursts of connections are dropped.',
  needs: ['root'],
  variants,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const { somaxconn, burst } = variant.set ?? {}
    return {
      ...stage,
      expects: { server: primary.id, kind: burst === 0 ? 'advice' : 'risk' },
      async inject() {
        writeFileSync('/proc/sys/net/core/somaxconn', String(somaxconn)) // of this network namespace
        await primary.cli('SAVE')
        await primary.kill('SIGTERM')
        await primary.restart()
        if (burst !== 0) await overflow(primary, Number(burst))
      },
    }
  },
} satisfies LabFault

/** The burst comes while the server is away for a moment. */
async function overflow(server: Server, burst: number): Promise<void> {
  await server.kill('SIGSTOP')
  const crowd = crowdAt(server, burst)
  await until('the queue overflows', () => overflows() > 0)
  crowd.leave()
  await server.kill('SIGCONT')
  await untilMet('ok', server)
}

function overflows(): number {
  const [names = [], values = []] = readFileSync('/proc/net/netstat', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'))
    .map((line) => line.split(' '))
  return Number(values[names.indexOf('ListenOverflows')])
}
