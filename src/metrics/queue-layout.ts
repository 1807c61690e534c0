// How queue libraries lay out their keys. Bull and BullMQ keep one key for each state of a queue
// (`bull:mail:wait`, `bull:mail:delayed`); Celery keeps one list for each queue and priority, and what workers hold but
// have not acknowledged in a hash `unacked`. Sources: docs.bullmq.io, docs.celeryq.dev (Redis transport of kombu).

export type QueueType = 'list' | 'zset' | 'stream' | 'hash' | 'set'

/** The command that counts a key of this type. */
export const LENGTH_COMMAND: Readonly<Record<QueueType, string>> = {
  list: 'LLEN',
  zset: 'ZCARD',
  stream: 'XLEN',
  hash: 'HLEN',
  set: 'SCARD',
}

/** The states of Bull in which a job still needs somebody's attention; completed jobs are none of them. */
const BULL_STATES: Readonly<Record<string, QueueType>> = {
  wait: 'list',
  paused: 'list',
  active: 'list',
  delayed: 'zset',
  prioritized: 'zset',
  'waiting-children': 'zset',
  failed: 'zset',
}

const CELERY_STEP = '\x06\x16' // between a queue's name and its priority, in the name of the list
const CELERY_PRIORITIES = [3, 6, 9] // 0 is the list without a suffix
export const CELERY_UNACKED = 'unacked'

export function isQueueType(type: string): type is QueueType {
  return type in LENGTH_COMMAND
}

/** A pattern with one of these in it is looked for with SCAN; one without is a key. */
export function isPattern(text: string): boolean {
  return /[*?[\\]/.test(text)
}

/** `mail` of `bull:mail:wait`, `default` of `queue:default`; otherwise the key itself, without Celery's priority. */
export function queueName(key: string): string {
  const parts = key.split(':')
  if (parts.length > 2 && bullState(parts) !== undefined) return parts.slice(1, -1).join(':')
  if (parts.length > 1 && parts[0] === 'queue') return parts.slice(1).join(':')
  return key.split(CELERY_STEP, 1)[0] ?? key
}

/** The other keys of the same queue, with their types where the layout tells them. */
export function siblingKeys(key: string): Map<string, QueueType> {
  const parts = key.split(':')
  const siblings = new Map<string, QueueType>()
  if (parts.length < 3 || bullState(parts) === undefined) return siblings
  const stem = parts.slice(0, -1).join(':')
  for (const [state, type] of Object.entries(BULL_STATES)) siblings.set(`${stem}:${state}`, type)
  return siblings
}

/** The keys in which Celery may keep more of a queue that was named by its plain key. */
export function celeryKeys(key: string): string[] {
  return [...CELERY_PRIORITIES.map((priority) => `${key}${CELERY_STEP}${priority}`), CELERY_UNACKED]
}

function bullState(parts: readonly string[]): QueueType | undefined {
  return BULL_STATES[parts.at(-1) ?? '']
}
