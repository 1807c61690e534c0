import { oddity } from '../healthy.ts'
import { startReplica } from '../servers.ts'

const VARIANTS = [
  { name: 'of an idle primary', keys: 1_000, replicas: 1 },
  { name: 'with a password', keys: 1_000, replicas: 1, password: true },
  { name: 'of two replicas', keys: 1_000, replicas: 2 },
]

export default oddity({
  says: 'A replica follows another replica.',
  variants: VARIANTS,
  async prepare({ replicas: [replica] }) {
    if (replica === undefined) throw new Error('the variant has a replica')
    const { password } = replica.access
    const conf = ['save 3600 1']
    const last = await startReplica(replica, { conf, ...(password === undefined ? {} : { password }) })
    await last.cli('SAVE')
    return () => last.stop()
  },
})
