// `respite demo`: a real fleet in a temporary folder, with traffic, under watch, and what to type to break it. Ends with
// Ctrl-C and leaves nothing behind, neither a process nor a file.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '../../../lab/children.ts'
import { BACK_AFTER_MS, MASTER_NAME, startDemoFleet, type DemoFleet } from '../../../lab/demo-fleet.ts'
import { startTraffic } from '../../../lab/traffic.ts'
import { Fault, reasonOf } from '../../lib/fault.ts'
import { formatDuration } from '../../lib/units.ts'
import { textFlag, type Command, type Context, type Daemon } from '../command.ts'
import { printChanges, showLive } from './watch.ts'

const FOOTER_EVERY_MS = 500

export default {
  usage: '',
  describe: 'a fleet to try it on: real servers with traffic, watched, and how to break them',
  more: 'Needs redis-server and redis-cli. All files are in a temporary folder. Ctrl-C ends it and leaves nothing behind.',
  flags: {
    '--listen <address>': 'address of the API and /metrics (127.0.0.1:0: a free port)',
    '--json': 'print one object for each event',
  },
  exits: { 0: 'ended by a signal', 2: 'could not start' },

  async run(_args, flags, context) {
    if (!context.json)
      context.err.write('starts nine servers: a primary, two replicas, three Sentinels, a Cluster of three …\n')
    const fleet = await startFleet((text) => {
      if (context.out.isTTY !== true && !context.json) context.out.write(`${text}\n`)
    })
    const { sentinels, cluster } = fleet
    const traffic = startTraffic({ sentinels, masterName: MASTER_NAME, cluster: cluster.nodes })
    const stopped = context.interruption()
    try {
      const config = await context.makeConfig({ file: writeConfig(fleet, textFlag(flags, 'listen')), urls: [], flags })
      const daemon = await context.startDaemon({ config, logLevel: 'silent' })
      await showUntil(stopped, daemon, fleet, context)
      await daemon.stop()
    } finally {
      await traffic.stop()
      await fleet.stop()
    }
    if (!context.json) context.err.write('The demo has ended and left nothing behind.\n')
    return 0
  },
} satisfies Command

async function startFleet(say: (text: string) => void): Promise<DemoFleet> {
  try {
    return await startDemoFleet((server) => say(`${server.name} ${server.id} is back`))
  } catch (error) {
    const hint = 'It needs redis-server and redis-cli on the PATH: scripts/setup installs them.'
    throw new Fault({ doing: 'starting', target: 'the fleet of the demo', why: reasonOf(error), hint, cause: error })
  }
}

/** The demo is configured as any fleet is: by a file. */
function writeConfig({ url }: DemoFleet, listen = '127.0.0.1:0'): string {
  const folder = makeFolder('respite')
  const file = join(folder, 'respite.yml')
  const lines = [
    `listen: ${listen}`,
    `data: ${folder}`,
    'deployments:',
    `  - name: ${MASTER_NAME}`,
    `    url: ${url.shop}`,
    '    canary: true',
    '    expect: { replicas: 2, sentinels: 3 }',
    '    queues: [{ pattern: "bull:*:wait" }, { pattern: celery }, { pattern: "queue:*" }]',
    '  - name: pages',
    `    url: ${url.cluster}`,
    '    dataClass: cache',
  ]
  writeFileSync(file, lines.join('\n') + '\n')
  return file
}

async function showUntil(stopped: AbortSignal, daemon: Daemon, fleet: DemoFleet, context: Context): Promise<void> {
  const live = context.out.isTTY === true && !context.json
  const more = join(makeFolder('break'), 'it.txt')
  const ways = (): string[] => fitting(waysToBreak(daemon, fleet), live ? (context.out.columns ?? 80) : Infinity, more)
  const footer = ways()
  if (!live && context.json) context.printJson({ event: 'demo', break: footer })
  else if (!live) context.out.write(`${footer.join('\n')}\n\n`)
  const show = live ? showLive(daemon, context, footer) : printChanges(daemon, context)
  // Another server may have become the primary, and one that came back has another process id.
  const fresh = setInterval(() => void footer.splice(0, footer.length, ...ways()), FOOTER_EVERY_MS)
  if (!stopped.aborted) await new Promise<void>((resolve) => stopped.addEventListener('abort', () => resolve()))
  clearInterval(fresh)
  show.stop()
}

/** A command that the terminal would wrap is not shown but put into a file: wrapped lines would push the fleet away. */
function fitting(ways: readonly string[], columns: number, file: string): string[] {
  const fits = ways.filter((line) => line.length <= columns)
  if (fits.length === ways.length) return fits
  writeFileSync(file, ways.join('\n') + '\n')
  return [...fits.slice(0, 3), `  more ways           cat ${file}`, ...fits.slice(-1)]
}

/** Commands to copy, all for the server that is the primary now. */
function waysToBreak(daemon: Daemon, { servers }: DemoFleet): string[] {
  const shop = daemon.fleet.deployments().find((deployment) => deployment.name === MASTER_NAME)
  const primaries = shop?.servers.filter((server) => server.role === 'primary').map((server) => server.id) ?? []
  const server =
    servers.find((one) => one.running && primaries.includes(one.id)) ?? servers.find((one) => one.running) ?? servers[0]
  if (server === undefined) return []
  const { id, pid } = server
  const cli = `redis-cli -p ${server.port}`
  const connections = `for i in {1..99};do exec {f}<>/dev/tcp/127.0.0.1/${server.port};done;sleep 30`
  return [
    `Break it from another terminal. For the primary of ${MASTER_NAME}, ${id}:`,
    `  kill it             kill -9 ${pid}      (comes back after ${formatDuration(BACK_AFTER_MS)})`,
    `  stop it             kill -STOP ${pid}   undo: kill -CONT ${pid}`,
    `  fill its memory     ${cli} DEBUG POPULATE 70000 fill 1000   undo: ${cli} FLUSHALL`,
    `  fill its clients    bash -c '${connections}'`,
    `  change its password ${cli} CONFIG SET requirepass new`,
    `                      undo: ${cli} -a new CONFIG SET requirepass ''`,
    'Ctrl-C ends the demo and leaves nothing behind.',
  ]
}
