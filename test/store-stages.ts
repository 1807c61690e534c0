// The stores that the tests run against, one for each file of src/archive/storage/: a folder, and the real servers that
// can be had on this machine. RESPITE_TEST_S3, RESPITE_TEST_AZBLOB or RESPITE_TEST_FILE name an outside one instead, by its
// URL; its credentials come from the environment. What is written there lies below a prefix of its own and is removed.

import { randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { makeFolder } from '../lab/children.ts'
import { openStorage, type StorageOptions, type Store } from '../src/archive/storage.ts'
import { systemClock } from '../src/lib/clock.ts'

export const STORES = join(import.meta.dirname, '..', 'src', 'archive', 'storage')

/** Where tests may write: a URL, and what opens it. */
export interface Stage {
  readonly url: string
  readonly options: Partial<StorageOptions>
  readonly isOutside?: boolean // what is written must be removed
  stop(): Promise<void>
}

/** Started once for a file of tests. A text says why it cannot be. */
export type StartStage = () => Promise<Stage | string>

const LOCAL: Record<string, StartStage> = {
  file: async () => ({
    url: pathToFileURL(makeFolder('store')).href,
    options: {},
    stop: async () => undefined,
  }),
}

/** The ids of all units, which is what the variables of the environment are called after. */
export function stages(): { readonly id: string; readonly start: StartStage }[] {
  const ids = readdirSync(STORES).map((name) => name.replace('.ts', ''))
  return ids.toSorted().map((id) => {
    const url = process.env[`RESPITE_TEST_${id.toUpperCase()}`]
    const outside: StartStage = async () => ({
      url: url ?? '',
      options: {},
      isOutside: true,
      stop: async () => undefined,
    })
    const none: StartStage = async () => `test/store-stages.ts does not know how to start ${id}:`
    return { id, start: url === undefined ? (LOCAL[id] ?? none) : outside }
  })
}

/** A store below a prefix of its own, which is empty; closed when the test ends. */
export async function openOn(t: TestContext, stage: Stage, more: Partial<StorageOptions> = {}): Promise<Store> {
  const [place = '', query] = stage.url.split('?')
  const url = `${place}/${randomUUID()}${query === undefined ? '' : `?${query}`}`
  const open = (): Promise<Store> => openStorage(url, { clock: systemClock, ...stage.options, ...more })
  const store = await open()
  t.after(async () => {
    store.close()
    if (stage.isOutside !== true) return
    const cleaner = await open()
    for await (const { key } of cleaner.list('')) await cleaner.remove(key)
    cleaner.close()
  })
  return store
}
