import { oddity } from '../healthy.ts'

export default oddity({ says: 'It has no memory limit.', conf: ['maxmemory 0'] })
