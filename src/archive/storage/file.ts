// A folder on a disk of this machine, or one that is mounted. An object is written under another name, synced, and then
// given its own, so that no crash leaves half of one; what was being written lies in `.respite/`, which also tells the
// store from the empty folder that remains when its disk is not mounted.

import { constants } from 'node:fs'
import { link, open, readdir, rename, rm, stat, statfs, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { explainFileError } from '../store/file-errors.ts'
import { listFolder } from '../store/list-folder.ts'
import { StoreFolder, etagOf, isAbsent } from '../store/store-folder.ts'
import type { Attempts, Body, ReadHow, StorageUnit, Upload } from '../store/storage-unit.ts'
import { wrongPlace } from '../store/storage-url.ts'

const CHUNK_BYTES = 512 * 1024

export default {
  keeps: 'in a folder of this machine',
  options: [],

  open(place, { mustExist }) {
    if (place.host !== '') throw wrongPlace(place, `"${place.host}" is no folder: a path begins with a third slash`)
    if (place.path.length === 0) throw wrongPlace(place, 'a path is missing')
    return new FileAttempts(new StoreFolder(`/${place.path.join('/')}`, mustExist))
  },
} satisfies StorageUnit

class FileAttempts implements Attempts {
  readonly tries = 1 // what a disk refuses it refuses again
  readonly #folder: StoreFolder

  constructor(folder: StoreFolder) {
    this.#folder = folder
  }

  async put(key: string, bytes: Uint8Array, { onlyIfAbsent }: { onlyIfAbsent: boolean }): Promise<boolean> {
    const draft = await this.#folder.openDraft()
    try {
      await writeAt(draft.handle, bytes, 0)
      await draft.handle.sync()
      return await this.#publish(draft.path, key, onlyIfAbsent)
    } finally {
      await draft.handle.close()
      await rm(draft.path, { force: true })
    }
  }

  async beginUpload(key: string): Promise<Upload> {
    const { handle, path } = await this.#folder.openDraft()
    return {
      part: ({ at, bytes }) => writeAt(handle, bytes, at),
      finish: async () => {
        await handle.sync()
        await this.#publish(path, key, false)
        await handle.close()
      },
      abort: async () => {
        await handle.close()
        await rm(path, { force: true })
      },
    }
  }

  /** Gives the draft its name, durably. link(2) fails when the name is taken, so that one of several wins. */
  async #publish(draft: string, key: string, onlyIfAbsent: boolean): Promise<boolean> {
    try {
      await this.#folder.withFolderOf(key, (path) => (onlyIfAbsent ? link(draft, path) : rename(draft, path)))
      return true
    } catch (error) {
      if (onlyIfAbsent && (error as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw error
    }
  }

  async read(key: string, { from, to, etag }: ReadHow): Promise<Body | undefined> {
    const handle = await this.#open(key)
    if (handle === undefined) return undefined
    const found = await handle.stat({ bigint: true })
    if (etag !== undefined && etagOf(found) !== etag) {
      await handle.close()
      throw new Error('another object has taken its place while it was read')
    }
    const sizeBytes = Number(found.size)
    const closing = { asked: false }
    const chunks = chunksOf(handle, from, Math.min(to ?? sizeBytes, sizeBytes), closing)
    return { etag: etagOf(found), sizeBytes, chunks, cancel: () => closeLater(handle, closing) }
  }

  async #open(key: string): Promise<FileHandle | undefined> {
    try {
      return await open(await this.#folder.pathOf(key), constants.O_RDONLY | constants.O_NOFOLLOW)
    } catch (error) {
      if (!isAbsent(error)) throw error
      await this.#folder.mustBeThere()
      return undefined
    }
  }

  async head(key: string): ReturnType<Attempts['head']> {
    const handle = await this.#open(key)
    if (handle === undefined) return undefined
    try {
      const found = await handle.stat({ bigint: true })
      const { size, mtimeMs } = found
      return { key, sizeBytes: Number(size), modifiedMs: Number(mtimeMs), etag: etagOf(found), token: undefined }
    } finally {
      await handle.close()
    }
  }

  async listPage(prefix: string, next: string | undefined): ReturnType<Attempts['listPage']> {
    await this.#folder.mustBeThere()
    return listFolder(this.#folder.root, prefix, next ?? '')
  }

  async remove(key: string): Promise<void> {
    try {
      await unlink(await this.#folder.pathOf(key))
    } catch (error) {
      if (!isAbsent(error)) throw error
      await this.#folder.mustBeThere()
    }
    await this.#folder.tidy(key)
  }

  async look(): ReturnType<Attempts['look']> {
    await this.#folder.prepare()
    const [{ bavail, bsize }, { mode }] = await Promise.all([statfs(this.#folder.root), stat(this.#folder.root)])
    const isOpen = (mode & 0o077) !== 0
    const warning = `Others on this machine can look into ${this.#folder.root}: chmod 700 closes it.`
    return {
      storeMs: undefined,
      freeBytes: bavail * bsize,
      versioning: 'off',
      objectLock: 'off',
      warnings: isOpen ? [warning] : [],
      couldNotLook: [],
    }
  }

  async sweep(beforeMs: number): Promise<number> {
    await this.#folder.mustBeThere()
    const drafts = await readdir(this.#folder.own).catch(() => []) // not ours yet: nothing was left
    let removed = 0
    for (const path of drafts.map((name) => join(this.#folder.own, name))) {
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity })) // somebody finished it
      if (mtimeMs >= beforeMs) continue
      await rm(path, { force: true })
      removed += 1
    }
    return removed
  }

  explain = explainFileError

  close(): void {
    // nothing is kept open
  }
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, at + written)
    written += bytesWritten
  }
}

interface Closing {
  asked: boolean
  reading?: Promise<unknown>
}

async function* chunksOf(handle: FileHandle, from: number, to: number, closing: Closing): AsyncGenerator<Uint8Array> {
  for (let at = from; at < to && !closing.asked;) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, to - at))
    const reading = handle.read(chunk, 0, chunk.length, at)
    closing.reading = reading
    const { bytesRead } = await reading
    if (bytesRead === 0) return // it became shorter: whoever reads knows how long it was
    at += bytesRead
    yield chunk.subarray(0, bytesRead)
  }
}

/** A handle is not closed under a read that is still waiting for its disk. */
function closeLater(handle: FileHandle, closing: Closing): void {
  closing.asked = true
  void (closing.reading ?? Promise.resolve())
    .catch(() => undefined) // whoever reads was told
    .then(() => handle.close())
    .catch(() => undefined) // it was only read
}
