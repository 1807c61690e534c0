import { oddity } from '../healthy.ts'

const VARIANTS = ['everysec', 'always', 'no'].map((policy) => ({
  name: policy,
  keys: 2_000,
  conf: [`appendfsync ${policy}`],
}))

export default oddity({
  says: 'It keeps an append-only file and no snapshots.',
  variants: VARIANTS,
  conf: ['save ""', 'appendonly yes'],
  unsaved: true,
})
