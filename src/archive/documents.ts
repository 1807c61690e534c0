// The small JSON objects of an archive, as docs/formats/archive.md has them. They grow, and what a reader does not know it
// leaves alone; a `format` above its own it refuses. Their last field is a checksum of all their bytes: no name and no
// manifest says their hash, and a flipped digit of an offset is valid JSON.

import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../lib/clock.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import type { DeploymentKeys } from './keys.ts'
import type { Store } from './store/storage.ts'

export const FORMAT = 1

export interface ArchiveDocument {
  readonly format: number
  readonly id: string // of this archive: 16 hexadecimal digits
  readonly deployment: string
  readonly kind: 'standalone' | 'replicated' | 'sentinel' | 'cluster'
  readonly created: string
}

export interface TimelineDocument {
  readonly format: number
  readonly timeline: string
  readonly replid: string
  readonly fromOffset: number
  readonly parent: { readonly timeline: string; readonly offset: number | null } | null
  readonly why: string
  readonly at: string
}

export type BaseMethod = 'psync' | 'scan' | 'bgsave' | 'aof' | 'archive'

export interface NamespaceCount {
  readonly name: string
  readonly keys: number
  readonly bytes: number
  readonly withTtl: number
}

export interface BaseManifest {
  readonly format: number
  readonly id: string
  readonly deployment: string
  readonly shard: string
  readonly timeline: string
  readonly at: string
  readonly replid: string | null
  readonly offset: number | null
  readonly db: number // selected in the stream at `offset`
  readonly method: BaseMethod
  readonly consistent: boolean
  readonly source: string
  readonly role: 'primary' | 'replica' | 'unknown'
  readonly serverVersion: string | null
  readonly flavour: 'redis' | 'valkey'
  readonly slots?: string
  readonly rdb: StoredPart & { readonly rdbVersion: number; readonly checksum: 'ok' | 'absent' }
  readonly increment?: StoredPart // of the method `aof`: the commands behind the RDB, an incremental append-only file
  readonly server: StoredPart | null
  readonly keys: number
  readonly expires: number
  readonly namespaces: readonly NamespaceCount[]
  readonly notDecoded: readonly { readonly type: number; readonly name: string; readonly keys: number }[]
  readonly complete: boolean
  readonly tookMs: number
  readonly why: string
}

export interface StoredPart {
  readonly object: string // the last part of its key
  readonly bytes: number // plain
  readonly storedBytes: number
  readonly sha256: string // of the object as it lies in the store
}

export interface ReplidDocument {
  readonly replid: string
  readonly offset: number
  readonly at: string
  readonly source: string
}

export interface GapDocument {
  readonly from: number
  readonly to: number
  readonly fromTime: string
  readonly toTime: string
  readonly why: string
}

/** `pruned/`: retention has removed the stream before this offset. */
export interface PrunedDocument {
  readonly offset: number
  readonly at: string
}

export interface PointDocument {
  readonly name: string
  readonly at: string
  readonly shards: readonly { readonly shard: string; readonly timeline: string; readonly offset: number }[]
  readonly command: string
  readonly keysLost: number
  readonly why: 'tripwire' | 'asked'
}

export interface CheckDocument {
  readonly base: string
  readonly kind: 'verified' | 'proven'
  readonly at: string
  readonly proved: 'plaintext' | 'ciphertext'
}

const LONGEST = 16 * 1024 * 1024 // bytes; a manifest with 10,000 namespaces has one

const NO_CHECKSUM = '0'.repeat(64)
const CHECKSUM = /"(.{64})"\s*\}\s*$/s // the last field, whatever the damage has made of its name

/** The bytes of a document. `checksum` is the SHA-256 of them with 64 zeros in its own place. */
export function showDocument(document: object): Buffer {
  const text = `${JSON.stringify({ ...document, checksum: NO_CHECKSUM }, null, 2)}\n`
  return Buffer.from(text.replace(CHECKSUM, `"${createHash('sha256').update(text).digest('hex')}"\n}\n`))
}

export async function writeDocument(store: Store, key: string, document: object): Promise<void> {
  await store.put(key, showDocument(document))
}

/** Reads one; undefined when there is none. What is damaged, or of a newer format, is a Fault. */
export async function readDocument<Kind extends object>(store: Store, key: string): Promise<Kind | undefined> {
  const bytes = await store.getAll(key, LONGEST)
  if (bytes === undefined) return undefined
  const { checksum: _read, ...document } = parse(store, key, bytes)
  const { format = FORMAT } = document as { format?: number }
  if (format <= FORMAT) return document as Kind
  throw new Fault({
    doing: 'reading',
    target: `${store.shown}/${key}`,
    why: `it is of format ${format}, and this version of Respite knows ${FORMAT}`,
    hint: 'use a newer version of Respite',
    exit: 1,
    retryable: false,
  })
}

export interface IntroduceOptions {
  readonly store: Store
  readonly deployment: string
  readonly kind: ArchiveDocument['kind']
  readonly clock: Clock
}

/** The archive's own document, which whoever comes first writes. */
export async function introduceArchive(options: IntroduceOptions, { archive }: DeploymentKeys): Promise<void> {
  const { store, deployment, kind, clock } = options
  if ((await readDocument<ArchiveDocument>(store, archive)) !== undefined) return
  const created = new Date(clock.now()).toISOString()
  const id = randomBytes(8).toString('hex')
  await writeDocument(store, archive, { format: FORMAT, id, deployment, kind, created } satisfies ArchiveDocument)
}

function parse(store: Store, key: string, bytes: Uint8Array): { readonly checksum?: string } {
  let why = 'it holds no JSON object'
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString())
    const isWhole = isSumRight(Buffer.from(bytes))
    if (!isWhole) why = 'its checksum does not match its bytes'
    else if (typeof value === 'object' && value !== null) return value
  } catch (error) {
    why = reasonOf(error)
  }
  const target = `${store.shown}/${key}`
  throw new Fault({ doing: 'reading', target, why, hint: 'respite verify lists all that is damaged', retryable: false })
}

/** One without a checksum is as right as it can be seen to be. */
function isSumRight(bytes: Buffer): boolean {
  const text = bytes.toString('latin1')
  const match = CHECKSUM.exec(text)
  if (match === null) return true
  const from = match.index + 1
  const zeroed = Buffer.concat([bytes.subarray(0, from), Buffer.from(NO_CHECKSUM), bytes.subarray(from + 64)])
  return createHash('sha256').update(zeroed).digest('hex') === match[1]
}
