// Follows one server and throws away what comes, in a process of its own: what being a replica costs before anything is
// kept. Answers each line on standard input with the offset that has come.
//   node bench/processes/follow.ts redis://127.0.0.1:6379

import { createInterface } from 'node:readline'
import { parseUrl } from '../../src/redis/url.ts'
import { startLink } from '../../src/replication/link.ts'
import type { Frame } from '../../src/replication/stream-framer.ts'

const { seeds, access } = parseUrl(process.argv[2] ?? '')
const [address] = seeds
if (address === undefined) throw new Error('no address')
let commands = 0
const link = startLink({
  source: () => ({ address, access }),
  onState: (state) => {
    if (state === 'streaming') console.log(JSON.stringify({ event: 'streaming' }))
  },
  sink: {
    onBase: () => ({ write: () => undefined, end: () => undefined, abort: () => undefined }),
    onResume: () => undefined,
    onStream(_bytes: Buffer, { safe, commands: more }: Frame) {
      commands += more
      if (link.position !== undefined) link.acknowledge({ replid: link.position.replid, offset: safe })
    },
  },
})
createInterface({ input: process.stdin }).on('line', () => {
  console.log(JSON.stringify({ offset: link.receivedOffset, commands }))
})
process.stdin.on('end', () => process.exit())
