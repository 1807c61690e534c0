import { oddity } from '../healthy.ts'
import { connectRaw } from '../raw-client.ts'
import { until } from '../until.ts'

const VARIANTS = [1, 10, 40].map((count) => ({ name: `${count} subscribers`, keys: 500, set: { count } }))

export default oddity({
  says: 'Subscribers listen to channels on which nothing is said.',
  variants: VARIANTS,
  async prepare({ primary }, { set }) {
    const count = Number(set?.['count'])
    const clients = await Promise.all(Array.from({ length: count }, () => connectRaw(primary)))
    for (const client of clients) client.send('SUBSCRIBE', 'news')
    await until('all of them listen', async () =>
      (await primary.cli('PUBSUB', 'NUMSUB', 'news')).includes(String(count)),
    )
    return () => clients.forEach((client) => client.close())
  },
})
