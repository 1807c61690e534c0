// The password of the primary is not the one that its replica has. The link that stands lives on, so it is only noticed
// when the link breaks for another reason.

import type { LabFault } from '../fault.ts'
import type { Server } from '../servers.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'A replica does not have the password of its primary, or its user may not replicate.',
  needs: [],
  variants: [
    { name: 'a wrong password', keys: 1_000, replicas: 1, password: true },
    { name: 'no password', keys: 10_000, replicas: 1, password: true },
    { name: 'a user that may not replicate', keys: 3_000, replicas: 2, password: true },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary, replicas } = stage
    const [first = primary] = replicas
    return {
      ...stage,
      url: first.url, // a primary that has lost its replica no longer names it
      expects: replicas.length === 1 ? { server: first.id } : {},
      async inject() {
        await Promise.all(replicas.map((replica) => spoil(replica, variant.name)))
        if (variant.name === 'a user that may not replicate')
          await primary.cli('ACL', 'SETUSER', 'copy', 'on', '>copied', '+@all', '-psync', '-sync')
        await primary.cli('CLIENT', 'KILL', 'TYPE', 'replica')
        for (const replica of replicas)
          await until('the replica is refused', () => /NOAUTH|WRONGPASS|NOPERM/.test(replica.log()))
      },
      async heal() {
        const password = primary.access.password ?? ''
        for (const replica of replicas) {
          await replica.cli('CONFIG', 'SET', 'masteruser', '')
          await replica.cli('CONFIG', 'SET', 'masterauth', password)
        }
      },
    }
  },
} satisfies LabFault

async function spoil(replica: Server, how: string): Promise<void> {
  if (how === 'a user that may not replicate') await replica.cli('CONFIG', 'SET', 'masteruser', 'copy')
  const password = how === 'no password' ? '' : how === 'a wrong password' ? 'open barley' : 'copied'
  await replica.cli('CONFIG', 'SET', 'masterauth', password)
}
