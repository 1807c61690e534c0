import { oddity } from '../healthy.ts'
import { connectRaw } from '../raw-client.ts'
import { until } from '../until.ts'

const VARIANTS = [5, 20, 50].map((count) => ({ name: `${count} consumers`, keys: 500, set: { count } }))

// Workers without work wait in BLPOP: blocked clients, and nothing is wrong.
export default oddity({
  says: 'Consumers wait for work in empty queues.',
  variants: VARIANTS,
  async prepare({ primary }, { set }) {
    const count = Number(set?.['count'])
    const clients = await Promise.all(Array.from({ length: count }, () => connectRaw(primary)))
    for (const client of clients) client.send('BLPOP', 'jobs', '0')
    await until('all of them wait', async () =>
      (await primary.cli('INFO', 'clients')).includes(`blocked_clients:${count}`),
    )
    return () => clients.forEach((client) => client.close())
  },
})
