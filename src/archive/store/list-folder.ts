// The files below a folder in the order in which S3 lists them, which is that of their whole names: `a-b/x` comes before
// `a/x`, since `-` is smaller than `/`.

import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isKey } from './storage-key.ts'
import type { Page } from './storage-unit.ts'
import type { StoredObject } from './storage.ts'

const PAGE = 10_000 // what is above the last one is read again for each page
const AT_ONCE = 64

/** The files whose name begins with `prefix` and comes after `after`. Names that are no keys are left out. */
export async function listFolder(root: string, prefix: string, after: string): Promise<Page> {
  const keys: string[] = []
  const top = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  const isFull = await walk({ root, prefix, after, keys }, top)
  const objects: StoredObject[] = []
  for (let at = 0; at < keys.length; at += AT_ONCE) {
    const found = await Promise.all(keys.slice(at, at + AT_ONCE).map((key) => look(root, key)))
    objects.push(...found.filter((object) => object !== undefined))
  }
  return { objects, next: isFull ? keys.at(-1) : undefined }
}

interface Walk {
  readonly root: string
  readonly prefix: string
  readonly after: string
  readonly keys: string[]
}

/** True when the page is full. `folder` is '' or ends with a slash. */
async function walk(so: Walk, folder: string): Promise<boolean> {
  for (const name of await namesIn(join(so.root, folder))) {
    const key = folder + name
    const isFolder = name.endsWith('/')
    const comes = isFolder ? key > so.after || so.after.startsWith(key) : key > so.after
    if (!comes || !(key.startsWith(so.prefix) || (isFolder && so.prefix.startsWith(key)))) continue
    if (isFolder) {
      if (await walk(so, key)) return true
    } else so.keys.push(key)
    if (so.keys.length >= PAGE) return true
  }
  return false
}

/** In the order of what lies below: a folder sorts as its name with a slash. */
async function namesIn(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true })
    return entries
      .filter((entry) => isKey(entry.name) && (entry.isFile() || entry.isDirectory()))
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .toSorted(byBytes)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [] // removed while we looked
    throw error
  }
}

const byBytes = (a: string, b: string): number => (a < b ? -1 : Number(a > b))

async function look(root: string, key: string): Promise<StoredObject | undefined> {
  try {
    const { size, mtimeMs } = await lstat(join(root, key))
    return { key, sizeBytes: size, modifiedMs: Math.round(mtimeMs) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined // removed while we looked
    throw error
  }
}
