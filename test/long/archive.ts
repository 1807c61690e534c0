// Kills at random moments of a flood: the server, the archiver, both at once. After each the archive is read: what it may
// have lost is what was in the socket (0.2 s), nothing, and 1.5 s; and there is no hole that is not written down.
//
//   npm run long -- archive [KILLS OF EACH KIND]

import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder } from '../../lab/children.ts'
import { startServer, type Server } from '../../lab/servers.ts'
import { until } from '../../lab/until.ts'
import { openStorage } from '../../src/archive/store/storage.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { openConnection } from '../../src/redis/connection.ts'
import { assertNoSilentHole, DEPLOYMENT, infoOf, latest, layOut, timelinesOf } from '../archiving.ts'
import { RESPITE } from '../daemon-process.ts'
import { startFlood, type Flood } from '../flood.ts'

const kills = Number(process.argv[2] ?? 50)
const PATIENTLY = { timeoutMs: 120_000, everyMs: 50 }
const KINDS = { server: 200, archiver: 0, both: 1_500 } as const // milliseconds that may be lost
type Kind = keyof typeof KINDS

interface Counting {
  /** The last count that was answered before a moment of `performance.now()`. */
  answeredBefore(at: number): number
  readonly ended: Promise<void>
}

/** Counts up as fast as one connection can, until that breaks. */
async function count({ address, access }: Server): Promise<Counting> {
  const connection = await openConnection({ address, access, timeoutMs: 30_000 })
  const answered: { readonly at: number; readonly count: number }[] = []
  const run = async (): Promise<void> => {
    while (connection.open) {
      answered.push({ count: Number(await connection.send('INCR', 'proof:count')), at: performance.now() })
      if (answered.length > 200_000) answered.splice(0, 100_000)
    }
  }
  const ended = run().catch(() => connection.close())
  return { ended, answeredBefore: (at) => answered.findLast((each) => each.at <= at)?.count ?? 0 }
}

class Proof {
  readonly #server: Server
  readonly #folder = makeFolder('store')
  readonly #data = makeFolder('data')
  #child: ChildProcess | undefined

  constructor(server: Server) {
    this.#server = server
  }

  async kill(kind: Kind): Promise<void> {
    const store = await openStorage(`file://${this.#folder}`, { clock: systemClock })
    if (this.#child === undefined) this.#start()
    await this.#caughtUp(store)
    const flood = await startFlood({ server: this.#server, databases: 1, pauseMs: 5 })
    const counting = await count(this.#server)
    await sleep(300 + Math.random() * 1_500)
    const before = (await timelinesOf(store)).length
    const at = performance.now()
    const ends: Promise<unknown>[] = []
    if (kind !== 'server' && this.#child !== undefined) {
      ends.push(once(this.#child, 'exit'))
      this.#child.kill('SIGKILL')
      this.#child = undefined
    }
    if (kind !== 'archiver') ends.push(this.#server.kill('SIGKILL'))
    await Promise.all(ends)
    if (kind !== 'archiver') await this.#server.restart()
    if (kind !== 'server') this.#start()
    await this.#endFlood(flood, counting, kind)
    await this.#caughtUp(store)
    const timelines = await timelinesOf(store)
    for (const timeline of timelines) assertNoSilentHole(timeline)
    const old = timelines[before - 1] ?? assert.fail('the timeline is gone')
    if (kind === 'archiver') {
      assert.equal(timelines.length, before)
      assert.equal(old.gaps.length, 0)
    }
    const cleanings: (() => Promise<void> | void)[] = []
    const copy = await layOut({ after: (done) => void cleanings.push(done) }, store, old, old.bases[0] ?? assert.fail())
    const has = Number(await copy.cli('GET', 'proof:count'))
    for (const clean of cleanings) await clean()
    store.close()
    const due = counting.answeredBefore(at - KINDS[kind])
    assert.ok(has >= due, `the archive has ${has}, and ${due} was answered ${KINDS[kind]} ms before the kill`)
  }

  /** What `respite verify` says of all of it: its exit code. */
  async end(): Promise<number | null> {
    if (this.#child !== undefined) {
      const exited = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      await exited
    }
    const { status, stdout } = spawnSync(RESPITE, ['verify', `file://${this.#folder}`], { encoding: 'utf8' })
    if (status !== 0) console.log(stdout)
    for (const folder of [this.#folder, this.#data]) rmSync(folder, { recursive: true, force: true })
    return status
  }

  #start(): void {
    const words = ['archive', this.#server.url, '--json', '--name', DEPLOYMENT]
    const all = [...words, '--to', `file://${this.#folder}`, '--data', this.#data]
    this.#child = spawn(RESPITE, all, { stdio: ['ignore', 'ignore', 'inherit'] })
  }

  async #endFlood(flood: Flood, counting: Counting, kind: Kind): Promise<void> {
    if (kind === 'archiver') await this.#server.cli('CLIENT', 'KILL', 'TYPE', 'normal')
    await flood.stop()
    await counting.ended
  }

  async #caughtUp(store: Parameters<typeof latest>[0]): Promise<void> {
    await this.#server.cli('SET', 'proof:mark', String(Math.random()))
    await until(
      'all of it is in the store',
      async () => {
        // With its first replica a server takes another id.
        const info = await infoOf(this.#server, 'replication')
        const [replid, offset] = [info.get('master_replid'), Number(info.get('master_repl_offset'))]
        const { about, replids, stretches, bases } = await latest(store)
        const isThis = [about, ...replids].some((each) => each?.replid === replid)
        return isThis && bases.length > 0 && (stretches.at(-1)?.to ?? 0) >= offset
      },
      PATIENTLY,
    )
  }
}

let holds = true
for (const kind of Object.keys(KINDS) as Kind[]) {
  const conf = ['appendonly yes', 'appendfsync everysec', 'repl-backlog-size 64mb']
  const server = await startServer({ debug: true, conf })
  const proof = new Proof(server)
  let well = 0
  for (let at = 0; at < kills; at += 1)
    try {
      await proof.kill(kind)
      well += 1
    } catch (error) {
      holds = false
      console.log(`${kind}, kill ${at + 1}: ${error instanceof Error ? error.message : String(error)}`)
    }
  const status = await proof.end()
  holds &&= status === 0
  await server.stop()
  console.log(`${kind}: ${well} of ${kills} kills lost at most ${KINDS[kind]} ms; respite verify ends with ${status}`)
}
console.log(holds ? 'holds' : 'does not hold')
process.exitCode = holds ? 0 : 1
