// What can be killed while an archive is written, one function for each: it kills once, at a random moment of a flood, waits
// until all goes on, and says what the archive has lost of what the writers were told is written.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { openConnection } from '../src/redis/connection.ts'
import { infoOf } from './archiving.ts'
import type { BadLink } from './bad-link.ts'
import type { Counting } from './counting.ts'
import { startFlood } from './flood.ts'
import type { KilledArchive } from './killing.ts'
import type { Stage } from './store-stages.ts'

export interface Scene {
  readonly server: Server
  readonly archive: KilledArchive
  readonly counting: Counting
  readonly storage: Storage | undefined // where it is a server of its own
  readonly done: number // kills so far
}

/** A storage behind a slow line, which tells when something is on its way. */
export interface Storage {
  readonly stage: Stage
  readonly line: BadLink
  killedWithin: number // how often while something was on its way
}

export interface Loss {
  readonly lostMs: number // age, at the kill, of the oldest acknowledged write that is missing
  readonly missing: number // of all that was ever acknowledged
  readonly acknowledged: number // writes, since the kill before
}

const FLOOD_PAUSE_MS = 20
const SLOW_BYTES_PER_MS = 400

const upTo = (ms: number): number => Math.random() * ms

interface Writing {
  end(): Promise<void>
}

async function write({ server, counting }: Scene): Promise<Writing> {
  const flood = await startFlood({ server, databases: 4, pauseMs: FLOOD_PAUSE_MS })
  await counting.start(server)
  return { end: async () => void (await Promise.all([flood.stop(), counting.stop()])) }
}

async function lossIn({ archive, counting }: Scene, at: number, timelines?: number): Promise<Loss> {
  const restored = await archive.restore(timelines === undefined ? {} : { timelines })
  try {
    const has = await counting.readFrom(restored)
    const { acknowledged } = counting
    return { lostMs: counting.lostMs(has, at), missing: counting.missing(has), acknowledged }
  } finally {
    await restored.stop()
  }
}

/** Loaded, too: until then it refuses what is asked of it. */
async function comeBack(server: Server): Promise<void> {
  await server.restart()
  await until('it is loaded', async () => (await infoOf(server, 'persistence')).get('loading') === '0')
}

/** The server dies. It comes back with a history of its own; what is lost is missing at the end of the one before. */
export async function killServer(scene: Scene): Promise<Loss> {
  const { server, archive } = scene
  await archive.caughtUp(server)
  const timelines = (await archive.timelines()).length
  const writing = await write(scene)
  await sleep(200 + upTo(1_800))
  const at = performance.now()
  await server.kill('SIGKILL')
  await writing.end()
  await comeBack(server)
  await archive.caughtUp(server)
  await archive.check()
  assert.equal((await archive.timelines()).length, timelines + 1)
  return lossIn(scene, at, timelines)
}

/** The archiver dies, and of three times once more while it starts. The server has all of it in its backlog. */
export async function killArchiver(scene: Scene): Promise<Loss> {
  const { server, archive, done } = scene
  if (done === 0) await archive.caughtUp(server)
  const writing = await write(scene)
  await sleep(upTo(2_000))
  await archive.kill()
  await archive.start()
  if (done % 3 === 2) {
    await sleep(upTo(1_500))
    await archive.kill()
    await archive.start()
  }
  await sleep(upTo(500))
  await writing.end()
  await archive.caughtUp(server)
  await archive.check()
  const timelines = await archive.timelines()
  const asked = timelines.flatMap(({ bases }) => bases.filter(({ why }) => why !== 'schedule'))
  assert.deepEqual([timelines.length, timelines[0]?.gaps.length, asked.length], [1, 0, 1], 'timelines, gaps, new bases')
  return lossIn(scene, performance.now())
}

/** The archiver dies, and before it is back the server has written more than its backlog holds. */
export async function killArchiverForLong(scene: Scene): Promise<Loss> {
  const { server, archive, done } = scene
  if (done === 0) await archive.caughtUp(server)
  const gaps = (await archive.timelines())[0]?.gaps.length ?? 0
  const writing = await write(scene)
  await sleep(upTo(1_500))
  await archive.kill()
  await fill(server, 1.5)
  await archive.start()
  await writing.end()
  await archive.caughtUp(server)
  await archive.check()
  const timelines = await archive.timelines()
  assert.deepEqual([timelines.length, timelines[0]?.gaps.length], [1, gaps + 1], 'timelines, gaps')
  return lossIn(scene, performance.now())
}

/** Values that no compression makes smaller, in MiB. */
export async function fill(server: Server, mib: number): Promise<void> {
  const connection = await openConnection({ address: server.address, access: server.access, timeoutMs: 60_000 })
  for (let at = 0; at < mib * 4; at += 1)
    await connection.send('SET', `filling:${at % 64}`, randomBytes(2 ** 18 / 2).toString('hex'))
  connection.close()
}

/**
 * The storage dies within an upload, stays away for a while, and comes back with what it had. Of four times the archiver
 * dies meanwhile, too, when what waits is on its disk already.
 */
export async function killStorage(scene: Scene): Promise<Loss> {
  const { server, archive, storage, done } = scene
  if (storage === undefined) throw new Error('it is no server of its own')
  if (done === 0) {
    await fill(server, 12) // a base of several parts
    await archive.caughtUp(server)
  }
  const writing = await write(scene)
  await sleep(upTo(1_000))
  await killWithinUpload(storage)
  await sleep(upTo(3_000))
  const isBoth = done % 4 === 3
  if (isBoth) {
    await sleep(3_000)
    await archive.kill()
  }
  await storage.stage.restart?.()
  if (isBoth) await archive.start()
  await writing.end()
  await archive.caughtUp(server)
  await archive.check()
  const timelines = await archive.timelines()
  assert.deepEqual([timelines.length, timelines[0]?.gaps.length], [1, 0], 'timelines, gaps')
  return lossIn(scene, performance.now())
}

async function killWithinUpload(storage: Storage): Promise<void> {
  const { stage, line } = storage
  const killed = Promise.withResolvers<void>()
  const kill = (): void => {
    if (line.underWay > 0) storage.killedWithin += 1
    stage.signal?.('SIGKILL')
    killed.resolve()
  }
  let begun = false
  line.trouble = ({ method }) => {
    if (method !== 'PUT') return undefined
    if (!begun) setTimeout(kill, upTo(50))
    begun = true
    return { bytesPerMs: SLOW_BYTES_PER_MS }
  }
  await killed.promise
  line.trouble = () => undefined
}

/** Server and archiver die at the same moment: what is in the store then is all there is. */
export async function killBoth(scene: Scene): Promise<Loss> {
  const { server, archive } = scene
  await archive.caughtUp(server)
  const writing = await write(scene)
  await sleep(200 + upTo(2_000))
  return killThem(scene, writing)
}

/** The same at any moment, also while they have only just begun, with writers that wait for our receipt (WAIT). */
export async function killBothWithReceipts(scene: Scene): Promise<Loss> {
  const { server, archive, done } = scene
  if (done === 0) await archive.caughtUp(server)
  const writing = await write(scene)
  await sleep(upTo(4_000))
  return killThem(scene, writing)
}

async function killThem(scene: Scene, writing: Writing): Promise<Loss> {
  const { server, archive } = scene
  const at = performance.now()
  const ends = [(): Promise<void> => server.kill('SIGKILL'), (): Promise<void> => archive.kill()]
  if (Math.random() < 0.5) ends.reverse()
  await Promise.all(ends.map((end) => end()))
  await writing.end()
  await archive.check()
  const loss = await lossIn(scene, at)
  await comeBack(server)
  await archive.start()
  return loss
}
