// Reads an archive back, object by object, and says of each whether it is what was stored. What can be opened is looked
// into as far as a restore would; of what cannot, the hash of the ciphertext is all there is to prove.
//
// Others write and remove meanwhile: an archiver joins small segments to large ones. What is gone when its turn comes is
// good when something else covers it by then.

import type { Clock } from '../lib/clock.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import { readCatalog, type DeploymentArchive, type StoredBase, type StoredSegment, type Timeline } from './catalog.ts'
import { writeDocument, type CheckDocument, type StoredPart } from './documents.ts'
import { holesOf, type Hole } from './holes.ts'
import { keysOf } from './keys.ts'
import { checkHash, type Reading, type SealedObject } from './read-segment.ts'
import type { Store } from './store/storage.ts'
import { partOf, verifyHash, verifyIncrement, verifyRdb, verifyServerContext } from './verify-base.ts'
import { Overlaps, verifySegment } from './verify-segment.ts'

export interface VerifyOptions {
  readonly store: Store
  readonly identities: readonly string[]
  readonly only: readonly string[] // ids of bases; empty: everything
  readonly share: number // of the objects, chosen by chance: 1 is all of them
  readonly record: boolean // write down which bases were found good
  readonly clock: Clock
  onProgress(readBytes: number, ofBytes: number): void
}

export interface Trouble {
  readonly key: string
  readonly why: string
}

export interface VerifiedHole extends Hole {
  readonly shard: string
  readonly timeline: string
}

export interface Verified {
  readonly deployment: string
  readonly objects: number // that were read
  readonly bytes: number // as they lie in the store
  readonly bad: readonly Trouble[]
  readonly notOpened: readonly Trouble[] // as stored, and no identity at hand opens them
  readonly gaps: readonly VerifiedHole[]
  readonly unfinished: readonly string[]
  readonly bases: readonly string[] // found good, whole
  readonly notRecorded: string | undefined // why that could not be written down
  readonly proved: CheckDocument['proved'] // of all that was read
}

/** One object that is to be read. */
interface Job {
  readonly object: SealedObject
  readonly storedBytes: number
  readonly base?: StoredBase
  readonly segment?: StoredSegment
  /** Looks into it. Throws a Fault. */
  open(reading: Reading): Promise<void>
}

type Outcome = 'good' | 'unopened' | 'bad' | 'gone'

const AT_ONCE = 4

export async function verifyArchive(archive: DeploymentArchive, options: VerifyOptions): Promise<Verified> {
  const verification = new Verification(archive, options)
  return verification.run()
}

class Verification {
  readonly #options: VerifyOptions
  readonly #reading: Reading
  #archive: DeploymentArchive
  #read = 0
  #objects = 0
  readonly #bad: Trouble[] = []
  readonly #notOpened: Trouble[] = []
  readonly #outcomes = new Map<string, Outcome>() // by key

  constructor(archive: DeploymentArchive, options: VerifyOptions) {
    this.#options = options
    this.#archive = archive
    this.#reading = {
      store: options.store,
      identities: options.identities,
      onBytes: (bytes) => void (this.#read += bytes),
    }
  }

  async run(): Promise<Verified> {
    const { only, share } = this.#options
    const jobs = jobsOf(this.#archive, only)
    const chosen = share === 1 ? jobs : sampleOf(jobs, share)
    await this.#runAll(chosen)
    await this.#lookForGone()
    const all = only.length === 0
    this.#bad.push(...(all ? this.#archive.trouble : []))
    const bases = share === 1 ? this.#goodBases(jobs) : []
    return {
      deployment: this.#archive.name,
      objects: this.#objects,
      bytes: this.#read,
      bad: this.#bad.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
      notOpened: this.#notOpened,
      gaps: all ? gapsOf(this.#archive) : [],
      unfinished: all ? this.#archive.unfinished : [],
      bases: bases.map(({ id }) => id),
      notRecorded: await this.#record(bases),
      proved: [...this.#outcomes.values()].includes('unopened') ? 'ciphertext' : 'plaintext',
    }
  }

  /** A few at once: a store answers slowly, and most objects are small. */
  async #runAll(jobs: readonly Job[]): Promise<void> {
    const ofBytes = this.#read + jobs.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
    const waiting = jobs.values()
    const work = async (): Promise<void> => {
      for (const job of waiting) {
        await this.#verify(job)
        this.#options.onProgress(this.#read, ofBytes)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  }

  async #verify(job: Job): Promise<void> {
    const { key } = job.object
    this.#objects += 1
    const outcome = await this.#look(job)
    this.#outcomes.set(key, outcome)
  }

  async #look(job: Job): Promise<Outcome> {
    const { object, storedBytes } = job
    const isClosed = object.sealed === 'zst.age' && this.#reading.identities.length === 0
    try {
      await (isClosed ? verifyHash(this.#reading, object, storedBytes) : job.open(this.#reading))
      return isClosed ? 'unopened' : 'good'
    } catch (error) {
      if (!(error instanceof Fault || error instanceof SyntaxError)) throw error
      if ((await this.#options.store.head(object.key)) === undefined) return 'gone'
      const isIntact = error instanceof Fault && error.doing === 'decrypting' && (await this.#isIntact(object))
      const where = error instanceof Fault && error.offset !== undefined ? ` (byte ${error.offset})` : ''
      const entry = { key: object.key, why: reasonOf(error) + where }
      if (isIntact) this.#notOpened.push(entry)
      else this.#bad.push(entry)
      return isIntact ? 'unopened' : 'bad'
    }
  }

  async #isIntact(object: SealedObject): Promise<boolean> {
    try {
      await checkHash(this.#reading, object)
      return true
    } catch (error) {
      if (error instanceof Fault) return false
      throw error
    }
  }

  /** What was listed and is not there: a segment that was joined to another, a base that was pruned, or a loss. */
  async #lookForGone(): Promise<void> {
    if (![...this.#outcomes.values()].includes('gone')) return
    const [now] = await readCatalog(this.#options.store, this.#archive.name)
    if (now === undefined) return
    const listed = new Set(jobsOf(now, []).map(({ object }) => object.key))
    for (const [key, outcome] of this.#outcomes)
      if (outcome === 'gone' && listed.has(key))
        this.#bad.push({ key, why: 'its manifest names it, and it is not there' })
    this.#archive = now
    if (this.#options.only.length > 0) return
    await this.#runAll(
      jobsOf(now, []).filter(({ object, segment }) => segment !== undefined && !this.#outcomes.has(object.key)),
    )
  }

  #goodBases(jobs: readonly Job[]): StoredBase[] {
    const bases = new Map<StoredBase, boolean>()
    for (const { base, object } of jobs) {
      if (base === undefined) continue
      const outcome = this.#outcomes.get(object.key)
      const isGood = outcome === 'good' || outcome === 'unopened'
      bases.set(base, isGood && (bases.get(base) ?? true))
    }
    return [...bases].flatMap(([base, isGood]) => (isGood ? [base] : []))
  }

  async #record(bases: readonly StoredBase[]): Promise<string | undefined> {
    const { store, record, clock } = this.#options
    if (!record) return undefined
    const keys = keysOf(this.#archive.name)
    const now = clock.now()
    try {
      for (const { id, root, rdb } of bases) {
        const proved = this.#outcomes.get(root + rdb.object) === 'good' ? 'plaintext' : 'ciphertext'
        const at = new Date(now).toISOString()
        const document: CheckDocument = { base: id, kind: 'verified', at, proved }
        await writeDocument(store, keys.check(id, now, 'verified'), document)
      }
      return undefined
    } catch (error) {
      return reasonOf(error) // a login that may only read is a good one for verifying
    }
  }
}

function jobsOf({ shards }: DeploymentArchive, only: readonly string[]): Job[] {
  const timelines = shards.flatMap((shard) => shard.timelines)
  const bases = timelines.flatMap((timeline) => timeline.bases)
  const wanted = only.length === 0 ? bases : bases.filter(({ id }) => only.includes(id))
  const segments = only.length === 0 ? timelines.flatMap(segmentJobs) : []
  return [...wanted.flatMap(baseJobs), ...segments]
}

function baseJobs(base: StoredBase): Job[] {
  const { rdb, increment, server } = base
  const jobOf = (part: StoredPart, open: Job['open']): Job => {
    return { object: partOf(base, part), storedBytes: part.storedBytes, base, open }
  }
  return [
    jobOf(rdb, (reading) => verifyRdb(reading, base)),
    ...(increment === undefined ? [] : [jobOf(increment, (reading) => verifyIncrement(reading, base, increment))]),
    ...(server === null ? [] : [jobOf(server, (reading) => verifyServerContext(reading, base, server))]),
  ]
}

function segmentJobs({ segments }: Timeline): Job[] {
  const overlaps = new Overlaps(segments)
  return segments.map((segment) => ({
    object: segment,
    storedBytes: segment.storedBytes,
    segment,
    open: (reading) => verifySegment(reading, segment, overlaps),
  }))
}

/** By chance, so that each time other objects are read; at least one. */
function sampleOf(jobs: readonly Job[], share: number): Job[] {
  const count = Math.min(jobs.length, Math.max(1, Math.round(jobs.length * share)))
  return jobs
    .map((job) => ({ job, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .slice(0, count)
    .map(({ job }) => job)
}

function gapsOf({ shards }: DeploymentArchive): VerifiedHole[] {
  return shards.flatMap(({ name, timelines }) =>
    timelines.flatMap((timeline) => holesOf(timeline).map((hole) => ({ ...hole, shard: name, timeline: timeline.id }))),
  )
}
