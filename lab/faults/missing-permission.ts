// A user loses a permission that he needs, or never had it: Respite's own, or an application's.

import type { LabFault, Variant } from '../fault.ts'
import { untilMet } from '../meets.ts'
import type { Server } from '../servers.ts'
import { startStage } from '../stage.ts'

const WATCHER = { user: 'watcher', password: 'watches' }
const APPLICATION = ['--user', 'orders', '--pass', 'of orders'] as const

const variants: readonly Variant[] = [
  { name: 'a command, of an application', keys: 1_000, set: { tries: 'SET order:1 paid' } },
  { name: 'a key, of an application', keys: 20_000, password: true, set: { tries: 'GET session:1' } },
  { name: 'everything, of Respite', keys: 5_000, replicas: 1, set: { tries: '' } },
]

export default {
  says: 'A user may not do what he tries.',
  needs: [],
  variants,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const tries = String(variant.set?.['tries'])
    for (const server of stage.servers)
      await server.cli('ACL', 'SETUSER', WATCHER.user, 'on', `>${WATCHER.password}`, '~*', '&*', '+@all')
    await primary.cli('ACL', 'SETUSER', 'orders', 'on', '>of orders', '~order:*', '+get')
    return {
      ...stage,
      access: WATCHER,
      expects: { server: primary.id },
      async inject() {
        if (tries !== '') return tryInVain(primary, tries)
        await primary.cli('ACL', 'SETUSER', WATCHER.user, '-@all')
        return untilMet('noperm', { address: primary.address, access: WATCHER })
      },
    }
  },
} satisfies LabFault

async function tryInVain(server: Server, words: string): Promise<void> {
  const answer = await server.cli(...APPLICATION, ...words.split(' '))
  if (!answer.includes('NOPERM')) throw new Error(`it was allowed: ${answer}`)
}
