// What lies in a store: one listing, and the small documents that it names. Nothing here needs a key. What cannot be read
// is kept as trouble beside what can: one damaged manifest does not hide a thousand good segments.

import { reasonOf } from '../lib/fault.ts'
import type {
  ArchiveDocument,
  BaseManifest,
  CheckDocument,
  GapDocument,
  PointDocument,
  PrunedDocument,
  ReplidDocument,
  TimelineDocument,
} from './documents.ts'
import { readDocument } from './documents.ts'
import { decodeName, encodeName, parseSegmentName, timelineNumber, type SegmentName } from './keys.ts'
import { stretchesOf, type Stretch } from './stretches.ts'
import type { Store } from './store/storage.ts'

export interface StoredSegment extends SegmentName {
  readonly key: string
  readonly storedBytes: number
}

export interface StoredBase extends BaseManifest {
  readonly root: string // key of its folder, with a slash
  readonly verifiedAt: string | undefined
  readonly provenAt: string | undefined
}

export interface Timeline {
  readonly id: string
  readonly root: string // key of its folder, with a slash
  readonly about: TimelineDocument | undefined // undefined: its document is damaged or missing
  readonly bases: readonly StoredBase[] // by offset, then time
  readonly segments: readonly StoredSegment[] // by name
  readonly stretches: readonly Stretch[] // of the stream, without a hole each
  readonly replids: readonly ReplidDocument[]
  readonly gaps: readonly GapDocument[]
  readonly prunedTo: number // the stream before this offset was removed by retention; 0: none was
}

export interface Shard {
  readonly name: string
  readonly timelines: readonly Timeline[] // oldest first
}

export interface DeploymentArchive {
  readonly name: string
  readonly about: ArchiveDocument | undefined
  readonly shards: readonly Shard[]
  readonly points: readonly PointDocument[]
  readonly objects: number
  readonly storedBytes: number
  readonly unfinished: readonly string[] // objects of bases that have no manifest
  readonly trouble: readonly { readonly key: string; readonly why: string }[]
}

export function hasBase({ timelines }: Shard): boolean {
  return timelines.some(({ bases }) => bases.length > 0)
}

/** All deployments of a store, by name. `only` reads one. Throws a Fault when the store cannot be listed. */
export async function readCatalog(store: Store, only?: string): Promise<DeploymentArchive[]> {
  const found = new Map<string, Found>()
  for await (const { key, sizeBytes } of store.list(only === undefined ? '' : `${encodeName(only)}/`)) {
    const [root = '', ...rest] = key.split('/')
    if (rest.length === 0) continue
    let deployment = found.get(root)
    if (deployment === undefined) found.set(root, (deployment = new Found()))
    deployment.take(key, rest, sizeBytes)
  }
  const archives: DeploymentArchive[] = []
  for (const [root, deployment] of [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    if (deployment.isArchive) archives.push(await deployment.read(store, root))
  return archives
}

interface FoundTimeline {
  segments: StoredSegment[]
  manifests: string[]
  parts: string[]
  replids: string[]
  gaps: string[]
  pruned: string[]
}

/** The keys of one deployment, sorted into their places. */
class Found {
  isArchive = false
  #objects = 0
  #storedBytes = 0
  readonly #points: string[] = []
  readonly #checks: string[] = []
  readonly #shards = new Map<string, Map<string, FoundTimeline>>()

  take(key: string, path: readonly string[], sizeBytes: number): void {
    this.#objects += 1
    this.#storedBytes += sizeBytes
    const [first, shard = '', timeline = '', kind = '', base = '', part] = path
    if (first === 'archive.json' || first === 'shards') this.isArchive = true
    if (first === 'points') this.#points.push(key)
    if (first === 'checked') this.#checks.push(key)
    if (first !== 'shards' || timelineNumber(timeline) === undefined) return
    const place = this.#timeline(shard, timeline)
    if (kind === 'stream') {
      const name = parseSegmentName(base)
      if (name !== undefined) place.segments.push({ ...name, key, storedBytes: sizeBytes })
    } else if (kind === 'bases') (part === 'manifest.json' ? place.manifests : place.parts).push(key)
    else if (kind === 'replids') place.replids.push(key)
    else if (kind === 'gaps') place.gaps.push(key)
    else if (kind === 'pruned') place.pruned.push(key)
  }

  #timeline(shard: string, id: string): FoundTimeline {
    let timelines = this.#shards.get(shard)
    if (timelines === undefined) this.#shards.set(shard, (timelines = new Map<string, FoundTimeline>()))
    let timeline = timelines.get(id)
    if (timeline === undefined)
      timelines.set(id, (timeline = { segments: [], manifests: [], parts: [], replids: [], gaps: [], pruned: [] }))
    return timeline
  }

  async read(store: Store, root: string): Promise<DeploymentArchive> {
    const reader = new Reader(store)
    const checks = await reader.all<CheckDocument>(this.#checks)
    const shards: Shard[] = []
    for (const [name, timelines] of this.#shards) {
      const read: Timeline[] = []
      for (const [id, found] of [...timelines].toSorted(byNumber))
        read.push(await readTimeline(reader, `${root}/shards/${name}/${id}/`, id, found, checks))
      shards.push({ name: decodeName(name), timelines: read })
    }
    const found = [...this.#shards.values()].flatMap((timelines) => [...timelines.values()])
    return {
      name: decodeName(root),
      about: await reader.one<ArchiveDocument>(`${root}/archive.json`),
      shards,
      points: await reader.all<PointDocument>(this.#points),
      objects: this.#objects,
      storedBytes: this.#storedBytes,
      unfinished: found.flatMap(({ parts, manifests }) =>
        parts.filter((key) => !manifests.some((manifest) => folderOf(manifest) === folderOf(key))),
      ),
      trouble: reader.trouble,
    }
  }
}

/** Reads documents, and keeps what went wrong beside what went well. */
class Reader {
  readonly trouble: { key: string; why: string }[] = []
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  async one<Kind extends object>(key: string): Promise<Kind | undefined> {
    try {
      return await readDocument<Kind>(this.#store, key)
    } catch (error) {
      this.trouble.push({ key, why: reasonOf(error) })
      return undefined
    }
  }

  async all<Kind extends object>(keys: readonly string[]): Promise<Kind[]> {
    const documents: Kind[] = []
    for (const key of keys) {
      const document = await this.one<Kind>(key)
      if (document !== undefined) documents.push(document)
    }
    return documents
  }
}

async function readTimeline(
  reader: Reader,
  folder: string,
  id: string,
  found: FoundTimeline,
  checks: readonly CheckDocument[],
): Promise<Timeline> {
  const bases: StoredBase[] = []
  for (const key of found.manifests) {
    const manifest = await reader.one<BaseManifest>(key)
    if (manifest === undefined) continue
    const last = (kind: CheckDocument['kind']): string | undefined =>
      checks.findLast((check) => check.base === manifest.id && check.kind === kind)?.at
    bases.push({ ...manifest, root: folderOf(key), verifiedAt: last('verified'), provenAt: last('proven') })
  }
  const pruned = await reader.all<PrunedDocument>(found.pruned)
  return {
    id,
    root: folder,
    about: await reader.one<TimelineDocument>(`${folder}timeline.json`),
    bases: bases.toSorted((a, b) => (a.offset ?? 0) - (b.offset ?? 0) || (a.at < b.at ? -1 : 1)),
    segments: found.segments,
    stretches: stretchesOf(found.segments),
    replids: await reader.all<ReplidDocument>(found.replids),
    gaps: await reader.all<GapDocument>(found.gaps),
    prunedTo: Math.max(0, ...pruned.map(({ offset }) => offset)),
  }
}

function byNumber([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return (timelineNumber(a) ?? 0) - (timelineNumber(b) ?? 0)
}

/** With its slash. */
function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1)
}
