// A writer that is made to be killed: it stores objects of a few megabytes, whole and in parts, each under the SHA-256 of
// its bytes, until it is.
//   node test/processes/put-forever.ts URL [CREDENTIALS_FILE]     prints a line for each object that is stored

import { createHash, randomBytes } from 'node:crypto'
import { openStorage } from '../../src/archive/store/storage.ts'
import { systemClock } from '../../src/lib/clock.ts'

const [url = '', credentialsFile] = process.argv.slice(2)
const store = await openStorage(url, { clock: systemClock, credentialsFile })

async function* pieces(whole: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < whole.length; at += 100_000) yield whole.subarray(at, at + 100_000)
}

for (let round = 0; ; round += 1) {
  const whole = randomBytes(round % 3 === 2 ? 9_000_000 : 1_500_000)
  const key = `objects/${createHash('sha256').update(whole).digest('hex')}`
  if (round % 3 === 0) await store.put(key, whole)
  if (round % 3 === 1) await store.create(key, whole)
  if (round % 3 === 2) await store.putStream(key, pieces(whole))
  process.stdout.write(`${key}\n`)
}
