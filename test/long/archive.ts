// Kills at random moments of a mixed flood: the server, the archiver with a backlog that is large enough and with one that
// is not, the storage in the middle of uploads, server and archiver at once; then failovers of a Sentinel and of a Cluster.
// After each the archive is read back, restored by a stock server, and compared with what the writers were told is written.
//
//   npm run long -- archive [KILLS OF EACH KIND [KIND…]]

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { makeFolder } from '../../lab/children.ts'
import { startServer } from '../../lab/servers.ts'
import { reasonOf } from '../../src/lib/fault.ts'
import { median } from '../../bench/measure/numbers.ts'
import { startBadLink } from '../bad-link.ts'
import { Counting } from '../counting.ts'
import { startFailingCluster, startFailingSentinel, type FailingOver } from '../failing-over.ts'
import { KilledArchive } from '../killing.ts'
import {
  killArchiver,
  killArchiverForLong,
  killBoth,
  killBothWithReceipts,
  killServer,
  killStorage,
  type Loss,
  type Scene,
  type Storage,
} from '../kinds-of-kills.ts'
import { assertSameDataset } from '../same-dataset.ts'
import { stages } from '../store-stages.ts'

interface Kind {
  readonly kill: (scene: Scene) => Promise<Loss>
  readonly mayLoseMs: number
  readonly conf?: readonly string[] // of the server
  readonly words?: readonly string[] // of the archiver
  readonly wait?: number // for so many replicas, as the writers see it: then nothing may be missing
  readonly ends?: 0 | 1 // `respite verify`, of an archive with recorded gaps 1
  readonly onS3?: boolean
}

const DURABLE = ['appendonly yes', 'appendfsync everysec']
const KINDS: Record<string, Kind> = {
  server: { kill: killServer, mayLoseMs: 200, conf: DURABLE },
  archiver: { kill: killArchiver, mayLoseMs: 0, conf: ['repl-backlog-size 64mb'] },
  'archiver, backlog too small': {
    kill: killArchiverForLong,
    mayLoseMs: 0,
    conf: ['repl-backlog-size 1mb'],
    ends: 1,
  },
  storage: { kill: killStorage, mayLoseMs: 0, conf: ['repl-backlog-size 64mb'], onS3: true },
  'server and archiver': { kill: killBoth, mayLoseMs: 1_500, conf: DURABLE },
  'server and archiver, WAIT 1': {
    kill: killBothWithReceipts,
    mayLoseMs: Infinity, // of what nobody was given a receipt for
    conf: ['appendonly yes', 'appendfsync always'],
    words: ['--attach', 'primary'],
    wait: 1,
  },
}
const FAILOVERS: Record<string, () => Promise<FailingOver>> = {
  'failover by Sentinel': startFailingSentinel,
  'failover in a Cluster': startFailingCluster,
}

const [count = '50', ...chosen] = process.argv.slice(2)
const kills = Number(count)
const failovers = Math.max(3, Math.round(kills / 10))
let holds = true

function fails(what: string): void {
  holds = false
  console.log(what)
}

interface Ending {
  after(done: () => Promise<void> | void): void
}

async function openStorageServer(t: Ending): Promise<Storage> {
  const stage = await stages()
    .find(({ id }) => id === 's3')
    ?.start()
  if (stage === undefined || typeof stage === 'string') throw new Error(stage)
  t.after(() => stage.stop())
  const line = await startBadLink(t, new URL(stage.url).searchParams.get('endpoint') ?? '')
  return { stage, line, killedWithin: 0 }
}

async function proveKind(name: string, kind: Kind): Promise<void> {
  const cleanings: (() => Promise<void> | void)[] = []
  const t: Ending = { after: (done) => void cleanings.unshift(done) }
  try {
    const server = await startServer({ debug: true, conf: kind.conf ?? [] })
    t.after(() => server.stop())
    const storage = kind.onS3 === true ? await openStorageServer(t) : undefined
    const { url: store = `file://${makeFolder('store')}`, options = {} } = storage?.stage ?? {}
    const way = storage && store.replace(/endpoint=.*/, `endpoint=${storage.line.url}`)
    const words = ['--every', '15s', ...(kind.words ?? [])]
    const place = { store, storage: options, ...(way === undefined ? {} : { way }) }
    const archive = await KilledArchive.open({ url: server.url, words, ...place })
    const { wait = 0 } = kind
    const counting = new Counting({ wait, writers: wait === 0 ? 4 : 16 })
    await archive.start()
    const losses = await killAll(name, kind, { server, archive, counting, storage })
    await archive.caughtUp(server)
    const restored = await archive.restore()
    t.after(() => restored.stop())
    await assertSameDataset(restored, server)
    const ended = await archive.end()
    const isEnded = ended.archiver === 'exit 0' && ended.verify === (kind.ends ?? 0)
    if (!isEnded) fails(`${name}: the archiver ends with ${ended.archiver}, verify with ${ended.verify}\n${ended.says}`)
    tell(name, kind, losses, { ...ended, within: storage?.killedWithin })
  } catch (error) {
    fails(`${name}: ${reasonOf(error)}`)
  } finally {
    for (const clean of cleanings) await clean()
  }
}

async function killAll(name: string, kind: Kind, scene: Omit<Scene, 'done'>): Promise<Loss[]> {
  const losses: Loss[] = []
  for (let done = 0; done < kills; done += 1) {
    const loss = await kind.kill({ ...scene, done }).catch((error: unknown) => {
      throw new Error(`kill ${done + 1}: ${reasonOf(error)}; the archiver said\n${scene.archive.says()}`)
    })
    losses.push(loss)
    const isKept = kind.wait === undefined ? loss.lostMs <= kind.mayLoseMs : loss.missing === 0
    if (!isKept) fails(`${name}, kill ${done + 1}: ${loss.lostMs.toFixed(0)} ms lost, ${loss.missing} writes missing`)
  }
  return losses
}

interface Told {
  readonly verify: number
  readonly within: number | undefined
}

function tell(name: string, kind: Kind, losses: readonly Loss[], { verify, within }: Told): void {
  const ms = losses.map(({ lostMs }) => lostMs)
  const writes = losses.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
  const missing = losses.reduce((most, each) => Math.max(most, each.missing), 0)
  const lost =
    kind.wait === undefined
      ? `lost: median ${median(ms).toFixed(0)} ms, worst ${Math.max(...ms).toFixed(0)} ms (bound ${kind.mayLoseMs})`
      : `of what WAIT had answered: ${missing} missing at worst (bound 0)`
  const upload = within === undefined ? '' : `; ${within} with a request under way`
  const many = `${String(losses.length).padStart(3)} kills; ${writes} writes acknowledged`
  console.log(`${name.padEnd(28)} ${many}; ${lost}${upload}; verify ends with ${verify}`)
}

async function proveFailovers(name: string, start: () => Promise<FailingOver>): Promise<void> {
  const failing = await start()
  try {
    const outcomes = { continued: 0, forked: 0 }
    for (let at = 0; at < failovers; at += 1) outcomes[await failing.fail()] += 1
    const { archiver, verify, says } = await failing.archive.end()
    if (archiver !== 'exit 0' || verify !== 0) fails(`${name}: ${archiver}, verify ends with ${verify}\n${says}`)
    const { continued, forked } = outcomes
    const many = `${String(failovers).padStart(3)} times`
    console.log(`${name.padEnd(28)} ${many}; ${continued} continued, ${forked} forked; verify ends with ${verify}`)
  } catch (error) {
    fails(`${name}: ${reasonOf(error)}; the archiver said\n${failing.archive.says()}`)
  } finally {
    await failing.stop()
  }
}

const isChosen = (name: string): boolean => chosen.length === 0 || chosen.includes(name)
const isTimed = ({ mayLoseMs }: Kind): boolean => mayLoseMs > 0
const kinds = Object.entries(KINDS).filter(([name]) => isChosen(name))

async function proveAll(some: typeof kinds): Promise<void> {
  for (const [name, kind] of some) await proveKind(name, kind)
}

async function proveAllFailovers(): Promise<void> {
  for (const [name, start] of Object.entries(FAILOVERS)) if (isChosen(name)) await proveFailovers(name, start)
}

// Two at a time: most of it is waiting. What the writers say of the time is as good as the loop is quick.
const loop = monitorEventLoopDelay({ resolution: 5 })
loop.enable()
await Promise.all([
  proveAll(kinds.filter(([, kind]) => isTimed(kind))).then(proveAllFailovers),
  proveAll(kinds.filter(([, kind]) => !isTimed(kind))),
])
const ms = (nanoseconds: number): string => (nanoseconds / 1e6).toFixed(0)
console.log(
  `an answer was noted late by ${ms(loop.percentile(99))} ms in 1 of 100 cases, by ${ms(loop.max)} ms at most`,
)
console.log(holds ? 'holds' : 'does not hold')
process.exitCode = holds ? 0 : 1
