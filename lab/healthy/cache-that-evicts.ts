import { oddity } from '../healthy.ts'

const VARIANTS = ['allkeys-lru', 'allkeys-lfu', 'volatile-ttl'].map((policy) => ({
  name: policy,
  keys: 2_000,
  conf: [`maxmemory-policy ${policy}`],
}))

// Full by design: a cache that holds as much as it may and lets the oldest go.
export default oddity({
  says: 'A cache is full, and evicts what is used least.',
  variants: VARIANTS,
  dataClass: 'cache',
  async prepare({ primary }) {
    await primary.cli('CONFIG', 'SET', 'maxmemory', '4mb')
    for (let at = 0; at < 40; at += 1) await primary.cli('SETEX', `page:${at}`, '3600', 'x'.repeat(20_000))
  },
})
