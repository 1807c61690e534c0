// Which keys are queues: patterns turned into keys by SCAN, a bounded number of steps in each sample and remembered
// between them, never by KEYS. A queue that was seen once counts as 0 while it is empty (an empty list has no key), until it has
// been empty for an hour.

import { Fault } from '../lib/fault.ts'
import { ownText } from '../lib/own-text.ts'
import type { Ask } from '../redis/ask.ts'
import type { Reply } from '../redis/connection.ts'
import type { QueueSetting } from './collector.ts'
import { CELERY_UNACKED, celeryKeys, isPattern, isQueueType, siblingKeys, type QueueType } from './queue-layout.ts'

export interface QueueKey {
  readonly db: number
  readonly key: string
  readonly always: boolean // named in the settings: shown though it was never seen
  type: QueueType | undefined // undefined: not known yet
  isHere: boolean // false: of a Cluster, another node has it
  emptySince: number | undefined
}

export interface QueueKeys {
  readonly keys: ReadonlyMap<string, QueueKey>
  /** Looks for more keys and learns their types. Throws when there are more than can be followed. */
  look(ask: Ask, now: number): Promise<void>
}

const STEPS_A_SAMPLE = 10 // of SCAN, over all patterns
const KEYS_A_STEP = 1_000 // that the server looks at: about 0.2 ms of its time
const MOST_KEYS = 500
const REST_MS = 60_000 // between two passes over a database
const EMPTY_MS = 3_600_000

interface Pass {
  readonly db: number
  readonly pattern: string
  cursor: string
  doneAt: number
}

type Keys = Map<string, QueueKey>

export function startQueueKeys(settings: readonly QueueSetting[]): QueueKeys {
  const keys: Keys = new Map()
  const passes: Pass[] = []
  for (const { pattern, db = 0 } of settings) {
    if (isPattern(pattern)) passes.push({ db, pattern, cursor: '0', doneAt: -Infinity })
    else add(keys, { db, key: pattern, always: true })
  }
  const named = [...keys.values()]
  let probedAt = -Infinity
  return {
    keys,
    async look(ask, now) {
      for (const [id, key] of keys)
        if (!key.always && key.emptySince !== undefined && now - key.emptySince > EMPTY_MS) keys.delete(id)
      await scan(ask, now, passes, keys)
      if (Math.abs(now - probedAt) > REST_MS) {
        probedAt = now
        await probeCelery(ask, named, keys)
      }
      await learnTypes(ask, keys)
      if (keys.size >= MOST_KEYS) throw tooMany()
    },
  }
}

function add(
  keys: Keys,
  { db, key, always, type }: Pick<QueueKey, 'db' | 'key' | 'always'> & { type?: QueueType },
): void {
  const id = `${db} ${key}`
  if (keys.has(id) || keys.size >= MOST_KEYS) return
  keys.set(ownText(id), { db, key: ownText(key), always, type, isHere: true, emptySince: undefined })
}

/** Adds a key that was found, with the other keys of its queue. */
function addFound(keys: Keys, db: number, key: string): void {
  add(keys, { db, key, always: false })
  for (const [sibling, type] of siblingKeys(key)) add(keys, { db, key: sibling, always: false, type })
}

/** A list that was named may be Celery's, which keeps priorities and what is unacknowledged under keys of their own. */
async function probeCelery(ask: Ask, named: readonly QueueKey[], keys: Keys): Promise<void> {
  for (const { db, key } of named) {
    const more = celeryKeys(key)
    const questions = more.map((name) => ['TYPE', name])
    const types = await askInDb(ask, db, questions)
    more.forEach((name, at) => {
      if (types[at] === (name === CELERY_UNACKED ? 'hash' : 'list')) addFound(keys, db, name)
    })
  }
}

async function learnTypes(ask: Ask, keys: Keys): Promise<void> {
  const unknown = [...keys.values()].filter((key) => key.type === undefined)
  for (const [db, group] of groupByDb(unknown)) {
    const questions = group.map(({ key }) => ['TYPE', key])
    const types = await askInDb(ask, db, questions)
    group.forEach((key, at) => {
      const type = String(types[at])
      key.isHere = types[at] !== null
      if (isQueueType(type)) key.type = type
      else if (type !== 'none' && !key.always) keys.delete(`${key.db} ${key.key}`) // a string is no queue
    })
  }
}

async function scan(ask: Ask, now: number, passes: Pass[], keys: Keys): Promise<void> {
  let steps = STEPS_A_SAMPLE
  for (const pass of passes) {
    if (pass.cursor === '0' && Math.abs(now - pass.doneAt) < REST_MS) continue
    do {
      if (steps === 0) return
      steps -= 1
      for (const name of await step(ask, pass)) addFound(keys, pass.db, name)
    } while (pass.cursor !== '0')
    pass.doneAt = now
  }
}

/** One step of SCAN; moves the cursor of the pass. */
async function step(ask: Ask, pass: Pass): Promise<string[]> {
  const words = ['SCAN', pass.cursor, 'MATCH', pass.pattern, 'COUNT', String(KEYS_A_STEP)]
  const [reply] = await askInDb(ask, pass.db, [words])
  const [cursor, names] = Array.isArray(reply) ? reply : []
  pass.cursor = String(cursor ?? '0')
  return Array.isArray(names) ? names.map(String) : []
}

function tooMany(): Fault {
  return new Fault({
    doing: 'looking for queues',
    target: 'queues',
    why: `more than ${MOST_KEYS} keys match the patterns; only the first ${MOST_KEYS} are followed`,
    hint: 'Make the patterns under `queues` narrower.',
  })
}

/** Asking about keys: null where the key is of another type than it was (WRONGTYPE) or on another node (MOVED, ASK). */
export function askAboutKeys(ask: Ask): Ask {
  return async (...words) => {
    try {
      return await ask(...words)
    } catch (error) {
      if (error instanceof Fault && /^(WRONGTYPE|MOVED|ASK) /.test(error.why)) return null
      throw error
    }
  }
}

/** By database, so that one SELECT serves all of them. */
export function groupByDb<T extends { readonly db: number }>(items: readonly T[]): Map<number, T[]> {
  return Map.groupBy(items, (item) => item.db)
}

/** Asks in another database. All that is sent leaves in one piece, so nobody else's question slips in between, and the
 *  connection is back in database 0 after it. */
export async function askInDb(ask: Ask, db: number, questions: readonly string[][]): Promise<Reply[]> {
  if (db === 0) return Promise.all(questions.map((words) => ask(...words)))
  const [select, ...answers] = await Promise.allSettled([
    ask('SELECT', String(db)),
    ...questions.map((words) => ask(...words)),
    ask('SELECT', '0'),
  ])
  return [select, ...answers]
    .map((answer) => {
      if (answer.status === 'rejected') throw answer.reason
      return answer.value
    })
    .slice(1, -1)
}
