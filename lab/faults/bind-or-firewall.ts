// The server runs, and the way to it is closed: by a firewall that drops or rejects, or because it listens elsewhere.

import { execFileSync } from 'node:child_process'
import type { LabFault, Variant } from '../fault.ts'
import { freePort } from '../free-port.ts'
import { untilMet } from '../meets.ts'
import { startStage } from '../stage.ts'

const variants: readonly Variant[] = [
  { name: 'dropped', keys: 1_000, set: { target: 'DROP', meets: 'timed-out' } },
  { name: 'rejected, with a password', keys: 20_000, password: true, set: { target: 'REJECT', meets: 'refused' } },
  { name: 'listens on another address', keys: 1_000, set: { bind: '127.0.0.2', meets: 'refused' } },
  { name: 'listens on another port', keys: 5_000, set: { port: 'another', meets: 'refused' } },
]

export default {
  says: 'The server runs, and a new client cannot reach it: a firewall is between, or it listens elsewhere.',
  needs: ['root', 'iptables'],
  variants,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const { target, bind, meets } = variant.set ?? {}
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        const rule = ['-A', 'INPUT', '-p', 'tcp', '--dport', String(primary.port), '-j', String(target)]
        if (target !== undefined) execFileSync('iptables', rule)
        else if (bind !== undefined) await primary.cli('CONFIG', 'SET', 'bind', String(bind))
        else await primary.cli('CONFIG', 'SET', 'port', String(await freePort()))
        await untilMet(meets === 'timed-out' ? 'timed-out' : 'refused', primary)
      },
    }
  },
} satisfies LabFault
