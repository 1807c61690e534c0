// The RDB that a URL of a store means: the newest base of its archive, the base whose id ends the path, or an object or file
// that the URL names itself. It goes by once, as it lies there; nothing of it is written anywhere.

import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { DeploymentArchive, StoredBase } from '../archive/catalog.ts'
import { newestBase } from '../archive/reach.ts'
import type { Store } from '../archive/store/storage.ts'
import { Fault } from '../lib/fault.ts'
import { openRdb, openRdbStream, type OpenedRdb } from '../rdb/open-rdb.ts'
import { textFlag, type Flags } from './command.ts'
import { readOneArchive, withStore } from './open-archive.ts'

const BASE_ID = /^\d{8}T\d{6}Z-[0-9a-f]{4}$/
const OBJECT = /\.rdb(?:\.zst|\.gz)?(?:\.age)?$/

/** Opens what a URL means, for as long as `use` takes. */
export async function withRdbOfUrl<Result>(
  url: string,
  flags: Flags,
  use: (rdb: OpenedRdb) => Promise<Result>,
): Promise<Result> {
  const options = { identityFile: textFlag(flags, 'identity') }
  const local = localPath(url)
  if (local !== undefined) return use(await openRdb(local, options))
  const { place, last } = splitUrl(url)
  return withStore(place, flags, async (store) => {
    const key = last !== undefined && OBJECT.test(last) ? last : await keyOfBase(store, flags, last)
    const head = await store.head(key)
    const name = `${store.shown}/${key}`
    return use(await openRdbStream({ name, chunks: store.get(key), sourceBytes: head?.sizeBytes }, options))
  })
}

/** Undefined when it lies in a store. */
function localPath(url: string): string | undefined {
  if (!/^file:/i.test(url) || !URL.canParse(url)) return undefined
  const file = fileURLToPath(new URL(url))
  return OBJECT.test(file) || statSync(file, { throwIfNoEntry: false })?.isFile() === true ? file : undefined
}

/** Takes the id of a base, or the name of an object, off the end of the path. */
function splitUrl(url: string): { readonly place: string; readonly last: string | undefined } {
  const [path = '', ...query] = url.split('?')
  const [, above = '', last = ''] = /^(.*)\/([^/]+)\/*$/.exec(path) ?? []
  if (!BASE_ID.test(last) && !OBJECT.test(last)) return { place: url, last: undefined }
  return { place: [above, ...query].join('?'), last }
}

async function keyOfBase(store: Store, flags: Flags, id: string | undefined): Promise<string> {
  const archive = await readOneArchive(store, flags)
  const { root, rdb } = id === undefined ? onlyNewest(store, archive) : baseOfId(store, archive, id)
  return `${root}${rdb.object}`
}

function onlyNewest(store: Store, { name, shards }: DeploymentArchive): StoredBase {
  const bases = shards.flatMap((shard) => newestBase(shard) ?? [])
  const [base, other] = bases
  if (base !== undefined && other === undefined) return base
  const hint =
    base === undefined
      ? '`respite backups STORE` says what there is.'
      : `Put the id of one behind the URL: ${store.shown}/${base.id}. The newest are ${bases.map(({ id, shard }) => `${id} (shard ${shard})`).join(', ')}.`
  throw new Fault({
    doing: 'looking for the newest base of',
    target: name,
    why: base === undefined ? 'there is none' : `it has ${shards.length} shards, each with bases of its own`,
    hint,
    exit: base === undefined ? 2 : 64,
    retryable: false,
  })
}

function baseOfId(store: Store, { name, shards }: DeploymentArchive, id: string): StoredBase {
  const bases = shards.flatMap(({ timelines }) => timelines.flatMap((timeline) => timeline.bases))
  const base = bases.find((each) => each.id === id)
  if (base !== undefined) return base
  const hint = `\`respite backups ${store.shown}\` lists them.`
  throw new Fault({
    doing: 'looking for the base',
    target: id,
    why: `the archive of ${name} has none of that id`,
    hint,
    exit: 2,
    retryable: false,
  })
}
