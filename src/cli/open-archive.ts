// What the commands that read an archive have in common: its store, the deployment that is meant, the keys that open it.

import { readFile } from 'node:fs/promises'
import { readCatalog, type DeploymentArchive } from '../archive/catalog.ts'
import { openStorage, type Store } from '../archive/store/storage.ts'
import { parseIdentities } from '../lib/age.ts'
import { systemClock } from '../lib/clock.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import { nearest } from '../lib/nearest.ts'
import { textFlag, type Flags } from './command.ts'

/** Opens the store for as long as `use` takes. */
export async function withStore<Result>(
  url: string,
  flags: Flags,
  use: (store: Store) => Promise<Result>,
): Promise<Result> {
  const store = await openStorage(url, { clock: systemClock, credentialsFile: textFlag(flags, 'credentialsFile') })
  try {
    return await use(store)
  } finally {
    store.close()
  }
}

/** All deployments of a store, or the one of --deployment, which has to be there. */
export async function readArchives(store: Store, flags: Flags): Promise<DeploymentArchive[]> {
  const name = textFlag(flags, 'deployment')
  const archives = await readCatalog(store, name)
  if (name === undefined || archives.length > 0) return archives
  const names = (await readCatalog(store)).map((archive) => archive.name)
  const meant = nearest(name, names)
  const all = names.length === 0 ? 'There is none at all.' : `It holds: ${names.join(', ')}.`
  throw new Fault({
    doing: 'looking for the deployment',
    target: name,
    why: `${store.shown} holds no archive of that name`,
    hint: meant === undefined ? all : `Did you mean ${meant}?`,
    exit: 1,
    retryable: false,
  })
}

/** The one deployment that is meant; where the store holds several, it has to be named. */
export async function readOneArchive(store: Store, flags: Flags): Promise<DeploymentArchive> {
  const archives = await readArchives(store, flags)
  const [archive, other] = archives
  if (archive !== undefined && other === undefined) return archive
  const names = archives.map(({ name }) => name).join(', ')
  throw new Fault({
    doing: 'reading the archive in',
    target: store.shown,
    why: archive === undefined ? 'there is none' : `it holds several deployments: ${names}`,
    hint: archive === undefined ? 'respite backup URL --to STORE makes one' : 'name one with --deployment',
    exit: archive === undefined ? 2 : 64,
    retryable: false,
  })
}

/** The age identities of --identity; none when it is not given. */
export async function readIdentities(flags: Flags): Promise<string[]> {
  const file = textFlag(flags, 'identity')
  if (file === undefined) return []
  try {
    return parseIdentities(await readFile(file, 'utf8'), file)
  } catch (error) {
    if (error instanceof Fault) throw error
    const hint = 'It is the file that age-keygen made.'
    throw new Fault({ doing: 'reading the identity', target: file, why: reasonOf(error), hint, exit: 64, cause: error })
  }
}
