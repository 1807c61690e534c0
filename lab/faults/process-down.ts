// The process ends: killed without a word, asked to end, or by a fault of its own.

import type { LabFault, Variant } from '../fault.ts'
import type { Server } from '../servers.ts'
import { startStage } from '../stage.ts'

const variants: readonly Variant[] = [
  { name: 'killed', keys: 1_000, set: { end: 'SIGKILL' } },
  {
    name: 'killed, with snapshots and a password',
    keys: 20_000,
    password: true,
    conf: ['save 60 1'],
    set: { end: 'SIGKILL' },
  },
  { name: 'asked to end', keys: 1_000, conf: ['appendonly yes'], set: { end: 'SIGTERM' } },
  { name: 'crashed', keys: 1_000, conf: ['save 3600 1'], set: { end: 'crash' } },
  { name: 'killed, with a replica and nothing on disk', keys: 5_000, replicas: 1, set: { end: 'SIGKILL' } },
  { name: 'a replica is killed', keys: 5_000, replicas: 1, set: { end: 'SIGKILL', who: 'replica' } },
]

export default {
  says: 'The process ends, and nobody listens at its address any more.',
  needs: [],
  variants,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const victim = variant.set?.['who'] === 'replica' ? (stage.replicas[0] ?? stage.primary) : stage.primary
    if (variant.conf !== undefined) await stage.primary.cli('SAVE')
    return {
      ...stage,
      url: victim.url,
      expects: { server: victim.id },
      inject: () => end(victim, String(variant.set?.['end'])),
      heal: () => victim.restart(),
    }
  },
} satisfies LabFault

async function end(server: Server, how: string): Promise<void> {
  if (how === 'SIGKILL' || how === 'SIGTERM') return server.kill(how)
  await server.cli('DEBUG', 'SEGFAULT').catch(() => '') // it has no answer to that
  await server.exited
}
