// Samples one server for each request, and answers with what /metrics would: the work of one full sample and nothing
// around it, in a process of its own. With `--history` the sample goes into a history on its way, as in the daemon.
//   node bench/processes/sample-on-request.ts redis://127.0.0.1:6379 --history

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sendPage } from '../../src/api/send-page.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { ExposedLines } from '../../src/metrics/exposed-lines.ts'
import { PageMemory, type LentPage } from '../../src/metrics/exposition.ts'
import { makeHistory } from '../../src/metrics/history.ts'
import { labelText } from '../../src/metrics/series.ts'
import { startCollectors, takeSample } from '../../src/metrics/take-sample.ts'
import { askOf } from '../../src/redis/ask.ts'
import { openConnection } from '../../src/redis/connection.ts'
import { parseUrl, showAddress } from '../../src/redis/url.ts'

const { seeds, access } = parseUrl(process.argv[2] ?? '')
const [address] = seeds
if (address === undefined) throw new Error('no address')
const connection = await openConnection({ address, access, timeoutMs: 5_000 })
const started = await startCollectors()
const labels = { deployment: 'bench', instance: showAddress(address) }
const keeps = process.argv.includes('--history')
const source = makeHistory({ keepMs: 3_600_000, clock: systemClock }).open(labels.instance, labels)

const lines = new ExposedLines(labelText(labels))
const pages = new PageMemory()

async function render(): Promise<LentPage> {
  const server = { ask: askOf(connection.send), kind: 'server' } as const
  const { snapshot } = await takeSample(server, started, {}, systemClock.now())
  if (keeps) source.append(snapshot)
  return pages.lend([lines.show(snapshot)])
}

const http = createServer({ keepAliveTimeout: 90_000 }, (_request, response) => {
  render()
    .then((page) => sendPage(page, response))
    .catch((error: unknown) => response.writeHead(500).end(String(error)))
})
http.listen(0, '127.0.0.1', () => {
  const { port } = http.address() as AddressInfo
  console.log(JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${port}/metrics` }))
})
process.stdin.on('end', () => process.exit()).resume()
