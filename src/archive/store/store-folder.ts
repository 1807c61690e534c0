// The folder of a `file:` store: when it may be made, how it is known again, and the folders of keys in it, which only
// our user may look into, whatever the umask.

import { randomUUID } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { chmod, mkdir, open, realpath, rmdir, stat, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault } from '../../lib/fault.ts'
import { OWN } from './storage-key.ts'
import { unmountedAbove } from './unmounted.ts'

const FOLDER_MODE = 0o700
const FILE_MODE = 0o600

export interface Draft {
  readonly handle: FileHandle
  readonly path: string
}

export class StoreFolder {
  readonly root: string
  readonly own: string // drafts and probes; that it is there says that the store is
  readonly #mustExist: boolean
  #wasThere = false

  constructor(root: string, mustExist: boolean) {
    this.root = root
    this.own = join(root, OWN)
    this.#mustExist = mustExist
  }

  /** Throws a Fault when there is no folder, or when it is not the one that was written to before. */
  async mustBeThere(): Promise<void> {
    if (!(await isFolder(this.root))) throw this.#gone('there is no such folder')
    if ((this.#mustExist || this.#wasThere) && !(await isFolder(this.own)))
      throw this.#gone('the store that was there is gone')
  }

  /** Makes of the folder a store, where that is safe. Only the last folder of its path is made. */
  async prepare(): Promise<void> {
    if (await isFolder(this.own)) {
      this.#wasThere = true
      return
    }
    if (this.#mustExist || this.#wasThere) throw this.#gone('the store that was there is gone')
    const unmounted = await unmountedAbove(this.root)
    if (unmounted !== undefined) throw this.#gone(`/etc/fstab wants a disk at ${unmounted}, and none is mounted there`)
    if (!(await isFolder(dirname(this.root)))) throw this.#gone(`there is no folder ${dirname(this.root)}`)
    await makeFolder(this.root)
    await makeFolder(this.own.replace(/\/$/, ''))
    this.#wasThere = true
  }

  /** A new file that nobody sees yet. */
  async openDraft(): Promise<Draft> {
    const path = join(this.own, `draft-${randomUUID()}`)
    const create = async (): Promise<FileHandle> => open(path, 'wx', FILE_MODE)
    const handle = await create().catch(async (error: unknown) => {
      if (!isMissing(error)) throw error
      await this.prepare()
      return create()
    })
    this.#wasThere = true
    await handle.chmod(FILE_MODE) // the umask may have taken bits away
    return { handle, path }
  }

  /** Where the object of a key lies or would lie. Throws a Fault when a symbolic link leads out of the folder. */
  async pathOf(key: string): Promise<string> {
    const path = join(this.root, key)
    const real = await realpath(dirname(path)).catch((error: unknown) => {
      if (isAbsent(error)) return undefined
      throw error
    })
    const realRoot = real === undefined ? undefined : await realpath(this.root)
    if (real !== undefined && real !== realRoot && !real.startsWith(`${realRoot}/`))
      throw this.#fault(`${dirname(path)} leads out of it, to ${real}`, 'Remove that symbolic link.', false)
    return path
  }

  /** Lets `publish` give an object its name, and makes that durable. The folder may be tidied away just before. */
  async withFolderOf(key: string, publish: (path: string) => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const path = await this.pathOf(key)
      try {
        await this.#makeFoldersOf(key)
        await publish(path)
        await syncFolder(dirname(path))
        return
      } catch (error) {
        if (!isMissing(error) || attempt === 10) throw error
        await this.mustBeThere()
      }
    }
  }

  async #makeFoldersOf(key: string): Promise<void> {
    const segments = key.split('/').slice(0, -1)
    if (await isFolder(join(this.root, ...segments))) return
    for (let depth = 1; depth <= segments.length; depth += 1)
      await makeFolder(join(this.root, ...segments.slice(0, depth)))
  }

  /** Removes the folders of a key that are empty now. */
  async tidy(key: string): Promise<void> {
    for (let at = dirname(key); at !== '.' && !OWN.startsWith(at); at = dirname(at))
      try {
        await rmdir(join(this.root, at))
      } catch {
        return // not empty, gone already, or not ours to remove: the object itself is gone
      }
  }

  #gone(why: string): Fault {
    return this.#fault(why, 'Mount its disk, or make the folder if it is to be a new store.', true)
  }

  #fault(why: string, hint: string, retryable: boolean): Fault {
    return new Fault({ doing: 'using the store', target: this.root, why, hint, retryable })
  }
}

export function etagOf({ ino, size, mtimeNs }: BigIntStats): string {
  return `${ino.toString(16)}-${size.toString(16)}-${mtimeNs.toString(16)}`
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

/** There is nothing of that name, and cannot be: a part of its path is a file. */
export function isAbsent(error: unknown): boolean {
  return isMissing(error) || (error as NodeJS.ErrnoException).code === 'ENOTDIR'
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/** Durable when it resolves; one that is there is left as it is. Its parent must be there. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: FOLDER_MODE })
    await chmod(path, FOLDER_MODE) // the umask may have taken bits away
    await syncFolder(dirname(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** A new name in a folder is durable only when the folder is synced. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error // some network file systems know no such thing
  } finally {
    await handle.close()
  }
}
