import { oddity } from '../healthy.ts'
import { connectRaw } from '../raw-client.ts'
import { until } from '../until.ts'

const VARIANTS = [50, 150, 300].map((count) => ({ name: `${count} clients`, keys: 500, set: { count } }))

export default oddity({
  says: 'A pool of clients is connected and does nothing.',
  variants: VARIANTS,
  async prepare({ primary }, { set }) {
    const count = Number(set?.['count'])
    const clients = await Promise.all(Array.from({ length: count }, () => connectRaw(primary)))
    for (const client of clients) client.send('PING')
    await until('all are connected', async () => {
      const connected = /connected_clients:(\d+)/.exec(await primary.cli('INFO', 'clients'))?.[1]
      return Number(connected) >= count
    })
    return () => clients.forEach((client) => client.close())
  },
})
