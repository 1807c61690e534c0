// One archiver writes to a deployment's archive: who holds the highest epoch (docs/formats/archive.md, "The lease"). Epochs
// are taken by conditional create, which one of several wins. Whether a holder still lives is judged by its sign of life
// changing while we look, so that no clock but our own counts, and ours only for how long we looked.

import { hostname } from 'node:os'
import type { Clock, Timer } from '../lib/clock.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import { showEpoch, type DeploymentKeys } from './keys.ts'
import type { Store } from './store/storage.ts'

const SIGN_EVERY_MS = 15_000 // a bucket with versions keeps each of them
const LOOK_EVERY_MS = 4_000
const LOOKS = 15 // without a change: a minute
const GIVEN_BACK = '{"released":true}'
const LONGEST = 10_000 // bytes of a lease's objects

export interface LeaseOptions {
  readonly store: Store
  readonly keys: DeploymentKeys
  readonly archiver: string // the id in our data directory: the same after a restart
  readonly clock: Clock
  readonly log: Log
  readonly onLost: (why: Fault) => void // somebody else writes now; we must not any more
  readonly signal: AbortSignal // gives up waiting for a holder that may be dead
}

export interface Lease {
  readonly epoch: number
  release(): Promise<void>
}

interface Holder {
  readonly epoch: number
  readonly archiver: string
  readonly host: string
  readonly pid: number
}

/**
 * Takes the lease. At once where nobody has it, or we had it; after a minute of watching where its holder gives no sign of life.
 * A holder that lives is a Fault (exit 1) that names it. Undefined: the store has no conditional create, so nobody can know.
 */
export async function takeLease(options: LeaseOptions): Promise<Lease | undefined> {
  const { store, keys, archiver, clock, signal } = options
  if (!(await store.conditionalCreate())) return undefined
  for (;;) {
    const holder = await holderOf(store, keys)
    if (holder !== undefined && holder.archiver !== archiver && (await isAlive(options, holder.epoch)))
      throw heldBy(store, holder)
    signal.throwIfAborted()
    const epoch = (holder?.epoch ?? 0) + 1
    const mine = { epoch, archiver, host: hostname(), pid: process.pid, at: new Date(clock.now()).toISOString() }
    if (await store.create(keys.lease(epoch), Buffer.from(JSON.stringify(mine)))) return hold(options, epoch)
    // Somebody was faster; they are alive for sure, and the next round says who they are.
  }
}

function hold({ store, keys, clock, log, onLost }: LeaseOptions, epoch: number): Lease {
  let timer: Timer | undefined
  let released = false
  let signs = 0
  const sign = async (): Promise<void> => {
    try {
      signs += 1
      await store.put(keys.alive(epoch), Buffer.from(JSON.stringify({ epoch, signs })))
      const newest = await holderOf(store, keys)
      if (newest !== undefined && newest.epoch > epoch && !released) {
        released = true
        onLost(heldBy(store, newest))
      }
    } catch (error) {
      log.warn({ why: reasonOf(error) }, 'could not give a sign of life to the archive') // storage trouble has its own alert
    }
    if (!released) timer = clock.after(SIGN_EVERY_MS, () => void sign())
  }
  const first = sign()
  return {
    epoch,
    async release() {
      released = true
      timer?.stop()
      await first
      await store.put(keys.alive(epoch), Buffer.from(GIVEN_BACK)).catch((error: unknown) => {
        log.warn(
          { why: reasonOf(error) },
          'could not give back the lease of the archive: the next archiver waits a minute',
        )
      })
    },
  }
}

async function holderOf(store: Store, keys: DeploymentKeys): Promise<Holder | undefined> {
  let newest: string | undefined
  for await (const { key } of store.list(keys.leases)) if (key.endsWith('.json')) newest = key
  if (newest === undefined) return undefined
  const bytes = await store.getAll(newest, LONGEST)
  const epoch = Number(newest.slice(-'0000000001.json'.length, -'.json'.length))
  return { archiver: '?', host: '?', pid: 0, ...parse(bytes), epoch }
}

function parse(bytes: Uint8Array | undefined): Partial<Holder> {
  try {
    return JSON.parse(Buffer.from(bytes ?? []).toString()) as Partial<Holder>
  } catch {
    return {} // its key alone says which epoch is taken
  }
}

/**
 * Watches the sign of life: a change is alive; none for a minute, also no first one, is dead. Looks are counted and not the
 * clock: while this process or the whole machine stood still, nobody looked, and perhaps nobody could give a sign.
 */
async function isAlive({ store, keys, clock, signal }: LeaseOptions, epoch: number): Promise<boolean> {
  const read = async (): Promise<string> =>
    Buffer.from((await store.getAll(keys.alive(epoch), LONGEST)) ?? []).toString('latin1')
  const first = await read()
  if (first === GIVEN_BACK) return false
  for (let looks = 0; looks < LOOKS && !signal.aborted; looks += 1) {
    await new Promise<void>((resolve) => void clock.after(LOOK_EVERY_MS, resolve))
    const now = await read()
    if (now !== first) return now !== GIVEN_BACK
  }
  return false
}

function heldBy(store: Store, { epoch, host, pid, archiver }: Holder): Fault {
  return new Fault({
    doing: 'taking the lease of the archive in',
    target: store.shown,
    why: `another archiver writes to it: ${archiver} on ${host}, process ${pid} (epoch ${showEpoch(epoch)})`,
    hint: 'one deployment has one archiver: stop the other one, or give this one another store',
    exit: 1,
    retryable: true,
  })
}
