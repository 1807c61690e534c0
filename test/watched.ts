// One server under the eyes of Respite, for tests that break it: what it is seen to answer, how soon after the fault, and
// whether the reserved connection is still the same one.

import assert from 'node:assert/strict'
import { after, type TestContext } from 'node:test'
import { until } from '../lab/until.ts'
import { ServerWatch } from '../src/fleet/watch-server.ts'
import { systemClock } from '../src/lib/clock.ts'
import type { Answer, AnswerId } from '../src/redis/answers.ts'
import { infoNumber, parseInfo } from '../src/redis/info.ts'
import type { Access, Address } from '../src/redis/url.ts'

const SEEN_WITHIN_MS = 2_000 // the promise, for 99 of 100
const SEEN_AT_MOST_MS = 2 * SEEN_WITHIN_MS // for every one

export interface Reach {
  readonly address: Address
  readonly access: Access
}

export interface Watched {
  readonly answer: Answer | undefined
  readonly attempts: number // at the door, so far
  readonly reserved: boolean
  /** Waits until this is the answer, which must not take longer than `noteSighting` allows. */
  sees(id: AnswerId): Promise<Answer>
  /** Waits until all is well again and the reserved connection stands. */
  recovers(): Promise<void>
  /** The id that the server gave to our reserved connection: another one means that it was opened again. */
  reservedId(): Promise<string>
  /** A field of INFO, asked through the reserved connection. */
  info(field: string): Promise<string | undefined>
  stop(): void
}

/** Watches as the daemon does: a door once a second, the reserved connection, the process behind. */
export function startWatching({ address, access }: Reach): Watched {
  let attempts = 0
  const watch: ServerWatch = new ServerWatch({
    address,
    access,
    clock: systemClock,
    supervisor: undefined,
    everyMs: 1_000,
    phaseMs: 0,
    onAnswer: () => undefined,
    onOpen: (ask) => void ask('INFO', 'server').then(remember, () => undefined),
    onTick: () => void (attempts += 1),
  })
  const remember = (reply: unknown): void => watch.remember({ pid: infoNumber(parseInfo(String(reply)), 'process_id') })
  const asked = async (...words: string[]): Promise<string> => {
    if (watch.ask === undefined) throw new Error('there is no reserved connection')
    return String(await watch.ask(...words))
  }
  const now = (): string => `${watch.answer?.id ?? 'nothing'} (${watch.answer?.text ?? ''})`
  return {
    get answer() {
      return watch.answer
    },
    get attempts() {
      return attempts
    },
    get reserved() {
      return watch.ask !== undefined
    },
    async sees(id) {
      const tookMs = await howLong(() => watch.answer?.id === id).catch(() => assert.fail(`not ${id} but ${now()}`))
      noteSighting(id, tookMs)
      return watch.answer ?? assert.fail()
    },
    async recovers() {
      const well = (): boolean => watch.answer?.id === 'ok' && watch.ask !== undefined
      await until('all is well', well).catch(() => assert.fail(`still ${now()}`))
    },
    async reservedId() {
      // The youngest: of one that it lost the server may not know yet.
      const own = (await asked('CLIENT', 'LIST')).split('\n').findLast((line) => line.includes(' name=respite '))
      return /^id=(\d+)/.exec(own ?? '')?.[1] ?? assert.fail('the reserved connection is not in CLIENT LIST')
    },
    info: async (field) => parseInfo(await asked('INFO')).get(field),
    stop: () => watch.stop(),
  }
}

/** The same for one test: it begins when all is well and ends with the test. */
export async function watched(t: TestContext, reach: Reach): Promise<Watched> {
  const watching = startWatching(reach)
  t.after(() => watching.stop())
  await watching.recovers()
  return watching
}

let sightings = 0
const late: string[] = []

/** Keeps how long it took until a fault was seen. */
export function noteSighting(what: string, tookMs: number): void {
  const said = `${what} was seen after ${Math.round(tookMs)} ms`
  assert.ok(tookMs <= SEEN_AT_MOST_MS, said)
  sightings += 1
  if (tookMs > SEEN_WITHIN_MS) late.push(said)
}

/** Call it once at the top: of all faults of the file, one or one in twenty may be seen later than in two seconds. */
export function seenInTime(): void {
  after(() => assert.ok(late.length <= Math.max(1, sightings / 20), late.join('; ')))
}

const LOOK_EVERY_MS = 10
const TIMER_SLACK_MS = 2

/**
 * Milliseconds until it is so. What this process itself did not get of the processor is no time in which it could have
 * seen anything, and does not count: on a machine that does much else, a tenth of a second at a time is nothing rare.
 */
export async function howLong(isSo: () => boolean | Promise<boolean>): Promise<number> {
  const started = performance.now()
  let stalledMs = 0
  let looked = started
  await until(
    'it is seen',
    async () => {
      stalledMs += Math.max(0, performance.now() - looked - LOOK_EVERY_MS - TIMER_SLACK_MS)
      const seen = await isSo()
      looked = performance.now()
      return seen
    },
    { everyMs: LOOK_EVERY_MS },
  )
  return performance.now() - started - stalledMs
}
