// Would it work? Everything that a base, and the stream behind it, need of a server and of a store, looked at before the first
// byte: what is in the way is said with what to do, not found out in the middle of the night. Nothing is changed, no
// synchronisation is begun; the store is tried out with an object of our own.

import type { Clock } from '../lib/clock.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import { formatBytes } from '../lib/units.ts'
import { whyNoRecipient } from '../lib/age.ts'
import type { MethodChoice } from './base-method.ts'
import { preflightServer, type ServerToCheck } from './preflight-server.ts'
import type { StorageCheck, Store } from './store/storage.ts'

/** `problem`: no backup without it. `warning`: it works, and costs or risks something. */
export interface Check {
  readonly check: string // fixed word of what was looked at
  readonly state: 'ok' | 'warning' | 'problem'
  readonly of: string // the server, the store
  readonly says: string
  readonly hint?: string | undefined // what to do now
}

export interface PreflightOptions {
  readonly store: Store
  readonly recipients: readonly string[]
  readonly servers: readonly ServerToCheck[] // those that would be read, one of each shard
  readonly method: MethodChoice
  readonly isStreamWanted: boolean // what only a stream needs is looked at too, which takes a second
  readonly clock: Clock
  readonly signal: AbortSignal
}

const SKEW_MS = 60_000
const ROOM = 4 // bases that should fit: the newest, the one that is being written, and two to go back to

/** Looks at all of it. Throws only when it is interrupted: what goes wrong is a finding. */
export async function preflight(options: PreflightOptions): Promise<Check[]> {
  const { store, recipients, servers } = options
  const found = await Promise.all(servers.map((server) => preflightServer(server, options)))
  const needBytes = found.reduce((sum, { memoryBytes }) => sum + (memoryBytes ?? 0), 0)
  return [
    ...found.flatMap(({ checks }) => checks),
    ...(await checkRecipients(recipients, store)),
    ...(await lookAtStore(store, needBytes)),
  ]
}

async function checkRecipients(recipients: readonly string[], { shown }: Store): Promise<Check[]> {
  const of = 'encryption'
  if (recipients.length === 0 && shown.startsWith('file:'))
    return [{ check: 'recipients', state: 'ok', of, says: 'not encrypted: whoever reads the folder reads the data' }]
  if (recipients.length === 0) {
    const says =
      'not encrypted: whoever reads the store reads the data, and the server’s configuration is left out of the base'
    return [
      {
        check: 'recipients',
        state: 'warning',
        of,
        says,
        hint: 'age-keygen -o key.txt, and give its public key: --recipient age1…',
      },
    ]
  }
  const whys = await Promise.all(recipients.map(async (each) => [each, await whyNoRecipient(each)] as const))
  const wrong = whys.filter(([, why]) => why !== undefined)
  const bad = wrong.map(([each, why]): Check => {
    return {
      check: 'recipients',
      state: 'problem',
      of,
      says: `"${each}" is no age public key: ${why}`,
      hint: 'One begins with age1',
    }
  })
  if (bad.length > 0) return bad
  const says = `encrypted to ${recipients.length === 1 ? 'one key' : `${recipients.length} keys`}; keep the private one where the backups are not`
  return [{ check: 'recipients', state: 'ok', of, says }]
}

async function lookAtStore(store: Store, needBytes: number): Promise<Check[]> {
  const of = store.shown
  try {
    return inWords(await store.check(), of, needBytes)
  } catch (error) {
    const hint = error instanceof Fault ? error.hint : undefined
    return [{ check: 'store', state: 'problem', of, says: reasonOf(error), hint }]
  }
}

function inWords(found: StorageCheck, of: string, needBytes: number): Check[] {
  const { conditionalCreate, clockSkewMs, removes } = found
  const skewSeconds = Math.round((clockSkewMs ?? 0) / 1_000)
  return [
    { check: 'store', state: 'ok', of, says: 'an object was stored, read back and compared' },
    conditionalCreate
      ? { check: 'conditional-create', state: 'ok', of, says: 'a second archiver is kept out' }
      : {
          check: 'conditional-create',
          state: 'warning',
          of,
          says: 'it cannot create an object only where there is none: nothing keeps a second archiver out',
          hint: 'See to it that only one archiver writes there.',
        },
    ...(removes
      ? []
      : [
          {
            check: 'store-remove',
            state: 'warning',
            of,
            says: 'this login may not remove: what is past its retention stays',
            hint: 'Prune with a login that may; that this one may not is good against a thief.',
          } as const,
        ]),
    Math.abs(clockSkewMs ?? 0) > SKEW_MS
      ? {
          check: 'clock',
          state: 'warning',
          of,
          says: `its clock is ${Math.abs(skewSeconds)} s ${skewSeconds > 0 ? 'ahead of' : 'behind'} ours`,
          hint: 'Run a time service (chrony) here: restoring to a time depends on it, and some stores refuse requests that are 15 minutes off.',
        }
      : {
          check: 'clock',
          state: 'ok',
          of,
          says: clockSkewMs === undefined ? 'it has no clock of its own' : 'its clock is ours',
        },
    ...spaceOf(found, of, needBytes),
    ...protectionOf(found, of),
    ...found.warnings.map((says): Check => ({ check: 'store', state: 'warning', of, says })),
    ...found.couldNotLook.map(({ at, why, hint }): Check => {
      return { check: 'store', state: 'warning', of, says: `could not look: ${at}: ${why}`, hint }
    }),
  ]
}

function spaceOf({ freeBytes }: StorageCheck, of: string, needBytes: number): Check[] {
  if (freeBytes === undefined) return []
  const says = `${formatBytes(freeBytes)} are free, the dataset takes ${formatBytes(needBytes)} in memory`
  if (freeBytes < needBytes)
    return [
      {
        check: 'store-space',
        state: 'warning',
        of,
        says,
        hint: 'Make room: a base that is not compressed well may not fit.',
      },
    ]
  if (freeBytes < ROOM * needBytes)
    return [
      {
        check: 'store-space',
        state: 'warning',
        of,
        says,
        hint: `Make room for ${ROOM} bases and the stream between them.`,
      },
    ]
  return [{ check: 'store-space', state: 'ok', of, says }]
}

function protectionOf({ versioning, objectLock }: StorageCheck, of: string): Check[] {
  if (versioning === undefined && objectLock === undefined) return []
  const lock = objectLock === undefined ? 'not known' : objectLock
  const says = `versioning ${versioning ?? 'not known'}, object lock ${lock}`
  return [{ check: 'store-protection', state: 'ok', of, says }]
}

/** For the first base: says the warnings, and throws a Fault for the first problem. */
export async function lookBeforeFirstBase(options: PreflightOptions, onWarning: (says: string) => void): Promise<void> {
  const checks = await preflight(options)
  for (const { state, of, says, hint } of checks)
    if (state === 'warning') onWarning(`${of}: ${says}${hint === undefined ? '' : ` → ${hint}`}`)
  const problem = checks.find(({ state }) => state === 'problem')
  if (problem === undefined) return
  const { of: target, says: why, hint } = problem
  throw new Fault({ doing: 'preparing to back up', target, why, hint, exit: 1, retryable: false })
}
