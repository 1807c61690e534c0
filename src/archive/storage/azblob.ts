// Azure Blob Storage. Objects are block blobs; parts are blocks, which belong to nobody until their list is committed, and
// which Azure drops after a week when that never comes. The library repeats nothing of its own accord here.

import { BlobServiceClient, newPipeline, type BlockBlobClient, type ContainerClient } from '@azure/storage-blob'
import { Readable } from 'node:stream'
import { findAzureLogin } from '../store/azure-credentials.ts'
import { azureCodeOf, explainAzureError, unlessAzureMisses } from '../store/azure-errors.ts'
import { lookAtContainer } from '../store/azure-container.ts'
import { OWN } from '../store/storage-key.ts'
import type { Attempts, Body, Given, Mark, Page, ReadHow, StorageUnit, Upload } from '../store/storage-unit.ts'
import { endpointOf, wrongPlace } from '../store/storage-url.ts'

const TRIES = 5
const TOKEN = 'respite_token' // in the metadata of a blob, where names are those of C#
const TAKEN = ['BlobAlreadyExists', 'ConditionNotMet']
const READ_AGAIN_MS = 5 * 60_000 // credentials, which whoever keeps secrets replaces

export default {
  keeps: 'in a container of Azure Blob Storage',
  options: ['endpoint'],

  open(place, given) {
    const [container, ...prefix] = place.path
    const hint = 'Write azblob://account/container/prefix'
    if (place.host === '' || container === undefined)
      throw wrongPlace(place, 'an account or a container is missing', hint)
    const where = { account: place.host, container, endpoint: endpointOf(place) }
    return new BlobAttempts(where, prefix.map((segment) => `${segment}/`).join(''), given)
  },
} satisfies StorageUnit

interface Where {
  readonly account: string
  readonly container: string
  readonly endpoint: string | undefined
}

class BlobAttempts implements Attempts {
  readonly tries = TRIES
  readonly #where: Where
  readonly #prefix: string // of all keys: '' or ends with a slash
  readonly #given: Given
  #opened: { readonly container: ContainerClient; readonly atMs: number } | undefined

  constructor(where: Where, prefix: string, given: Given) {
    this.#where = where
    this.#prefix = prefix
    this.#given = given
  }

  async #container(): Promise<ContainerClient> {
    const { clock, credentialsFile } = this.#given
    const nowMs = clock.monotonic()
    const isOld = credentialsFile !== undefined && nowMs - (this.#opened?.atMs ?? 0) > READ_AGAIN_MS
    if (this.#opened !== undefined && !isOld) return this.#opened.container
    const { account, container: name, endpoint } = this.#where
    const login = await findAzureLogin(account, credentialsFile)
    const address = endpoint ?? login.endpoint ?? `https://${account}.blob.core.windows.net`
    const pipeline = newPipeline(login.credential, {
      retryOptions: { maxTries: 1 },
      userAgentOptions: { userAgentPrefix: 'respite' },
    })
    const service = new BlobServiceClient(login.sas === '' ? address : `${address}?${login.sas}`, pipeline)
    const container = service.getContainerClient(name)
    this.#opened = { container, atMs: nowMs }
    return container
  }

  async #blob(key: string): Promise<BlockBlobClient> {
    return (await this.#container()).getBlockBlobClient(this.#prefix + key)
  }

  async put(key: string, bytes: Uint8Array, how: Mark & { readonly onlyIfAbsent: boolean }): Promise<boolean> {
    const { token, signal: abortSignal, onlyIfAbsent } = how
    const conditions = onlyIfAbsent ? { ifNoneMatch: '*' } : {}
    const blob = await this.#blob(key)
    try {
      await blob.upload(asBuffer(bytes), bytes.length, { abortSignal, conditions, metadata: { [TOKEN]: token } })
      return true
    } catch (error) {
      if (onlyIfAbsent && TAKEN.includes(azureCodeOf(error))) return false
      throw error
    }
  }

  async beginUpload(key: string, { token }: Mark): Promise<Upload> {
    const blob = await this.#blob(key)
    const ids = new Map<number, string>() // of one length, and no other upload's
    return {
      part: async ({ number, bytes }, abortSignal) => {
        const id = Buffer.from(`${token}-${String(number).padStart(5, '0')}`).toString('base64')
        await blob.stageBlock(id, asBuffer(bytes), bytes.length, { abortSignal })
        ids.set(number, id)
      },
      finish: async (abortSignal) => {
        const inOrder = [...ids].toSorted(([a], [b]) => a - b).map(([, id]) => id)
        await blob.commitBlockList(inOrder, { abortSignal, metadata: { [TOKEN]: token } })
      },
      abort: async () => undefined, // there is no way to: Azure drops the blocks after a week
    }
  }

  async read(key: string, { from, to, etag, signal: abortSignal }: ReadHow): Promise<Body | undefined> {
    const blob = await this.#blob(key)
    const conditions = etag === undefined ? {} : { ifMatch: etag }
    const count = to === undefined ? undefined : to - from
    try {
      const found = await blob.download(from, count, { abortSignal, conditions, maxRetryRequests: 0 })
      const stream = found.readableStreamBody
      if (!(stream instanceof Readable)) throw new Error('the answer has no body')
      const total = /\/(\d+)$/.exec(found.contentRange ?? '')?.[1] ?? found.contentLength
      return { etag: found.etag ?? '', sizeBytes: Number(total), chunks: stream, cancel: () => void stream.destroy() }
    } catch (error) {
      if (azureCodeOf(error) === 'InvalidRange') return this.#nothingOf(key, abortSignal)
      if (explainAzureError(error).kind === 'missing') return undefined
      throw error
    }
  }

  /** A range that begins past the end. */
  async #nothingOf(key: string, signal: AbortSignal): Promise<Body | undefined> {
    const found = await this.head(key, signal)
    return found && { etag: found.etag, sizeBytes: found.sizeBytes, chunks: Readable.from([]), cancel: () => undefined }
  }

  async head(key: string, abortSignal: AbortSignal): ReturnType<Attempts['head']> {
    const blob = await this.#blob(key)
    const found = await unlessAzureMisses(blob.getProperties({ abortSignal }))
    if (found === undefined) return undefined
    const { etag = '', contentLength = 0, lastModified, metadata } = found
    return { key, sizeBytes: contentLength, modifiedMs: Number(lastModified), etag, token: metadata?.[TOKEN] }
  }

  async listPage(prefix: string, next: string | undefined, abortSignal: AbortSignal): Promise<Page> {
    const container = await this.#container()
    const pages = container
      .listBlobsFlat({ prefix: this.#prefix + prefix, abortSignal })
      .byPage({ maxPageSize: 5_000, ...(next !== undefined && { continuationToken: next }) })
    for await (const { segment, continuationToken } of pages) {
      const objects = segment.blobItems.map(({ name, properties }) => ({
        key: name.slice(this.#prefix.length),
        sizeBytes: properties.contentLength ?? 0,
        modifiedMs: properties.lastModified.getTime(),
      }))
      return { objects, next: continuationToken === '' ? undefined : continuationToken } // '' after the last
    }
    return { objects: [], next: undefined }
  }

  async remove(key: string, abortSignal: AbortSignal): Promise<void> {
    const blob = await this.#blob(key)
    await unlessAzureMisses(blob.delete({ abortSignal, deleteSnapshots: 'include' }))
  }

  async look(abortSignal: AbortSignal): ReturnType<Attempts['look']> {
    return lookAtContainer(await this.#container(), abortSignal)
  }

  async sweep(beforeMs: number, abortSignal: AbortSignal): Promise<number> {
    const { objects } = await this.listPage(OWN, undefined, abortSignal) // probes
    const old = objects.filter(({ modifiedMs }) => modifiedMs < beforeMs)
    for (const { key } of old) await this.remove(key, abortSignal)
    return old.length
  }

  explain = explainAzureError

  close(): void {
    this.#opened = undefined // idle connections keep nobody waiting and end by themselves
  }
}

/** The same memory: the library takes a Buffer where others take any bytes. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
