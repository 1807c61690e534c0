// Takes away what retention does not keep. Of a base the manifest goes first, so that no half base looks whole; of the stream
// the first segment first, and before them a note of how far it is gone, so that nobody takes it for a loss. What a store
// refuses to give up (an object lock, a right that is missing) is said, and the rest goes on.

import { Fault, reasonOf } from '../lib/fault.ts'
import type { DeploymentArchive, StoredBase } from './catalog.ts'
import { writeDocument, type PrunedDocument } from './documents.ts'
import { keysOf, parseKeyTime } from './keys.ts'
import type { Retention, TimelineRetention } from './retention.ts'
import type { Store } from './store/storage.ts'

export interface Removal {
  readonly what: 'base' | 'segment' | 'leftover' | 'document'
  readonly key: string
  readonly bytes: number
}

const LEFTOVER_AFTER_MS = 86_400_000

/** Everything that goes, in the order in which it goes. A manifest that cannot be read is a Fault: a base may hang on it. */
export async function removalsOf(
  store: Store,
  archive: DeploymentArchive,
  { retention, now }: { readonly retention: Retention; readonly now: number },
): Promise<Removal[]> {
  const unread = archive.trouble.find(({ key }) => key.includes('/shards/'))
  if (unread !== undefined) throw cannotRead(store, unread)
  const removals: Removal[] = []
  for (const timeline of retention.timelines) {
    for (const base of timeline.bases) removals.push(...(await baseRemovals(store, archive.name, base)))
    for (const { key, storedBytes } of timeline.segments) removals.push({ what: 'segment', key, bytes: storedBytes })
    removals.push(...(await documentRemovals(store, timeline)))
  }
  for (const key of archive.unfinished) {
    const begun = parseKeyTime(/\/bases\/([^/]+)-[^/-]+\//.exec(key)?.[1] ?? '') ?? now
    const head = begun < now - LEFTOVER_AFTER_MS ? await store.head(key) : undefined
    if (head !== undefined && head.modifiedMs < now - LEFTOVER_AFTER_MS)
      removals.push({ what: 'leftover', key, bytes: head.sizeBytes })
  }
  return removals
}

export interface PruneOptions {
  readonly retention: Retention
  readonly removals: readonly Removal[]
  readonly now: number // epoch ms
  readonly signal?: AbortSignal // ends it between two objects; the rest goes the next time
}

/** Removes them; returns what the store refused, with why. */
export async function prune(
  store: Store,
  { retention, removals, now, signal }: PruneOptions,
): Promise<{ key: string; why: string }[]> {
  for (const { timeline, prunedTo, isEmpty } of retention.timelines) {
    if (isEmpty || prunedTo <= timeline.prunedTo) continue
    const document: PrunedDocument = { offset: prunedTo, at: new Date(now).toISOString() }
    await writeDocument(store, `${timeline.root}pruned/${String(prunedTo).padStart(16, '0')}.json`, document)
  }
  const refused: { key: string; why: string }[] = []
  const kept = new Set<string>() // folders of bases whose manifest stayed
  for (const { key, what } of removals) {
    signal?.throwIfAborted()
    const folder = key.slice(0, key.lastIndexOf('/') + 1)
    if (what === 'base' && kept.has(folder)) continue
    try {
      await store.remove(key)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      refused.push({ key, why: reasonOf(error) })
      kept.add(folder)
    }
  }
  return refused
}

async function baseRemovals(store: Store, deployment: string, { root, id }: StoredBase): Promise<Removal[]> {
  const parts: Removal[] = []
  for await (const { key, sizeBytes } of store.list(root)) parts.push({ what: 'base', key, bytes: sizeBytes })
  const checks: Removal[] = []
  for await (const { key, sizeBytes } of store.list(`${keysOf(deployment).checks}${id}/`))
    checks.push({ what: 'document', key, bytes: sizeBytes })
  const isManifest = ({ key }: Removal): boolean => key.endsWith('/manifest.json')
  return [...parts.filter(isManifest), ...parts.filter((part) => !isManifest(part)), ...checks]
}

/** Gaps that lie in what is gone, earlier notes of how far it is gone; of a timeline that is empty all that is left. */
async function documentRemovals(store: Store, { timeline, prunedTo, isEmpty }: TimelineRetention): Promise<Removal[]> {
  const removals: Removal[] = []
  for await (const { key, sizeBytes } of store.list(timeline.root)) {
    const [folder = '', name = ''] = key.slice(timeline.root.length).split('/')
    const isOldGap = folder === 'gaps' && Number(name.slice(17, 33)) <= prunedTo
    const isOldNote = folder === 'pruned' && Number(name.slice(0, 16)) < prunedTo
    const isRest = isEmpty && (name === '' || folder === 'replids' || folder === 'gaps' || folder === 'pruned')
    if (isOldGap || isOldNote || isRest) removals.push({ what: 'document', key, bytes: sizeBytes })
  }
  return removals
}

function cannotRead(store: Store, { key, why }: { readonly key: string; readonly why: string }): Fault {
  return new Fault({
    doing: 'pruning',
    target: `${store.shown}/${key}`,
    why: `${why}; what hangs on it is not known, so nothing is removed`,
    hint: 'respite verify lists all that is damaged. Remove that object yourself when it is of no use any more.',
    exit: 1,
    retryable: false,
  })
}
