// Makes docs/watch.svg, the picture of the README, from what the screen really shows: the demo's fleet with its primary
// stopped. Prints the same as text. To be run again when the screen changes: node scripts/make-picture.ts

import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder } from '../lab/children.ts'
import { startDemoFleet } from '../lab/demo-fleet.ts'
import { startTraffic } from '../lab/traffic.ts'
import { until } from '../lab/until.ts'
import { fleetScreen } from '../src/cli/fleet-screen.ts'
import { makeConfig } from '../src/config.ts'
import { startDaemon } from '../src/daemon.ts'

const COLUMNS = 112
const ROWS = 40
const WARM_UP_MS = 25_000 // rates, p99 and lag need a few samples
const [CHAR_PX, LINE_PX, EDGE_PX] = [8.4, 19, 16]
const COLOURS: Record<string, string> = { 31: '#ff6b68', 32: '#6bcb77', 33: '#f2c14e', 2: '#8a93a2', 22: '#d5d9e0' }

async function takeScreen(): Promise<string[]> {
  const fleet = await startDemoFleet(() => undefined)
  const traffic = startTraffic({ sentinels: fleet.sentinels, masterName: 'shop', cluster: fleet.cluster.nodes })
  const flags = { listen: '127.0.0.1:0', data: makeFolder('picture') }
  const config = await makeConfig({ urls: [fleet.url.shop], flags }, {})
  const daemon = await startDaemon({ config, logLevel: 'silent' })
  await sleep(WARM_UP_MS)
  const [primary] = fleet.servers
  await primary?.kill('SIGSTOP')
  const answers = (): string[] => daemon.fleet.servers().map(({ view }) => view.answer.id)
  await until('the stopped primary is seen', () => answers().some((answer) => answer !== 'ok'))
  const screen = fleetScreen({
    deployments: daemon.fleet.deployments(),
    latest: (deployment, id) => daemon.metrics.latest(deployment, id),
    url: daemon.url,
    nowMs: Date.now(),
    columns: COLUMNS,
    rows: ROWS,
    colours: true,
  })
  await daemon.stop()
  await traffic.stop()
  await fleet.stop()
  return screen
}

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
const plain = (line: string): string => line.replace(PAINT, '')
const PAINT = new RegExp(`${String.fromCodePoint(27)}\\[([0-9;]*)m`, 'g')

/** One line of the terminal: each run of a colour is a span. */
function toSpans(line: string): string {
  let style = ''
  return line
    .split(PAINT)
    .map((part, at) => {
      if (at % 2 === 0) return part === '' ? '' : `<tspan${style}>${escape(part)}</tspan>`
      const codes = part.split(';')
      const colour = codes.map((code) => COLOURS[code]).find((found) => found !== undefined)
      style = `${colour === undefined ? '' : ` fill="${colour}"`}${codes.includes('1') ? ' font-weight="bold"' : ''}`
      return ''
    })
    .join('')
}

function toSvg(lines: readonly string[]): string {
  const width = Math.ceil(COLUMNS * CHAR_PX + 2 * EDGE_PX)
  const height = Math.ceil(lines.length * LINE_PX + 2 * EDGE_PX)
  const texts = lines.map(
    (line, at) =>
      `<text x="${EDGE_PX}" y="${EDGE_PX + (at + 0.75) * LINE_PX}" xml:space="preserve">${toSpans(line)}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<rect width="100%" height="100%" rx="8" fill="#14171c"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14" fill="#d5d9e0">
${texts.join('\n')}
</g>
</svg>
`
}

const lines = (await takeScreen()).slice(0, -1)
writeFileSync('docs/watch.svg', toSvg(lines))
console.log(lines.map(plain).join('\n'))
