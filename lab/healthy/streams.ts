import { oddity } from '../healthy.ts'

export default oddity({
  says: 'A stream with a consumer group, all of it acknowledged.',
  async prepare({ primary }) {
    await primary.cli('XGROUP', 'CREATE', 'events', 'billing', '$', 'MKSTREAM')
    for (let at = 0; at < 50; at += 1) await primary.cli('XADD', 'events', '*', 'order', String(at))
  },
})
