import { oddity } from '../healthy.ts'

const VARIANTS = [
  { name: 'alone', keys: 0 },
  { name: 'with a password', keys: 0, password: true },
  { name: 'with a replica', keys: 0, replicas: 1 },
]

export default oddity({ says: 'Nothing is in it, and nothing was ever saved.', variants: VARIANTS, unsaved: true })
