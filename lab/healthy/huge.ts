import { oddity } from '../healthy.ts'

const VARIANTS = [
  { name: 'alone', keys: 400_000 },
  { name: 'with a password', keys: 500_000, password: true },
  { name: 'with a replica', keys: 300_000, replicas: 1 },
]

export default oddity({ says: 'It holds hundreds of thousands of keys.', variants: VARIANTS })
