// Amazon S3 and what speaks like it: MinIO, Ceph, R2, versitygw and others. The library signs and moves the bytes of one
// attempt; whatever it would repeat of its own accord is switched off.

import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  type CompletedPart,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { Readable } from 'node:stream'
import { readS3Credentials } from '../store/s3-credentials.ts'
import { codeOf, explainS3Error, unlessMissing } from '../store/s3-errors.ts'
import { lookAtBucket, type Bucket } from '../store/s3-bucket.ts'
import { sweepBucket } from '../store/s3-sweep.ts'
import type { Attempts, Body, Given, Mark, Page, ReadHow, StorageUnit, Upload } from '../store/storage-unit.ts'
import { endpointOf, wrongPlace, type Place } from '../store/storage-url.ts'

const TRIES = 5
const TOKEN = 'respite-token' // in the metadata of an object
const CONNECT_MS = 10_000

export default {
  keeps: 'in a bucket of S3, or of a store that speaks like it',
  options: ['endpoint', 'region', 'pathStyle', 'profile', 'checksums'],

  open(place, given) {
    if (place.host === '') throw wrongPlace(place, 'a bucket is missing')
    const prefix = place.path.map((segment) => `${segment}/`).join('')
    return new S3Attempts(
      { client: new S3Client(settingsOf(place, given)), name: place.host, prefix },
      choose(place, 'checksums', 'on'),
    )
  },
} satisfies StorageUnit

function settingsOf(place: Place, { clock, credentialsFile }: Given): S3ClientConfig {
  const endpoint = endpointOf(place)
  const profile = place.options.get('profile')
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env
  // Whoever has a server of his own seldom has regions; it must be told one nevertheless.
  const ownRegion = endpoint === undefined ? undefined : (AWS_REGION ?? AWS_DEFAULT_REGION ?? 'us-east-1')
  const region = place.options.get('region') ?? ownRegion
  const checksums = choose(place, 'checksums', 'on') ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED'
  return {
    maxAttempts: 1,
    customUserAgent: 'respite',
    forcePathStyle: choose(place, 'pathStyle', endpoint === undefined ? 'false' : 'true'),
    requestChecksumCalculation: checksums,
    responseChecksumValidation: 'WHEN_REQUIRED', // whoever reads an archive compares its own SHA-256
    requestHandler: { connectionTimeout: CONNECT_MS },
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(profile !== undefined && { profile }),
    ...(credentialsFile !== undefined && {
      credentials: () => readS3Credentials(credentialsFile, profile ?? 'default', clock),
    }),
  }
}

const YES = ['true', 'on', '1']
const NO = ['false', 'off', '0']

function choose(place: Place, option: string, otherwise: string): boolean {
  const word = place.options.get(option) ?? otherwise
  if (![...YES, ...NO].includes(word)) throw wrongPlace(place, `"${option}" is neither true nor false`)
  return YES.includes(word)
}

class S3Attempts implements Attempts {
  readonly tries = TRIES
  readonly #bucket: Bucket
  readonly #hasChecksums: boolean
  #wasThere = false // the bucket, when something was found in it

  constructor(bucket: Bucket, hasChecksums: boolean) {
    this.#bucket = bucket
    this.#hasChecksums = hasChecksums
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket.name, Key: this.#bucket.prefix + key }
  }

  async put(key: string, bytes: Uint8Array, how: Mark & { readonly onlyIfAbsent: boolean }): Promise<boolean> {
    const { token, signal, onlyIfAbsent } = how
    const object = { ...this.#at(key), Body: bytes, ContentLength: bytes.length, Metadata: { [TOKEN]: token } }
    const command = new PutObjectCommand({ ...object, ...(onlyIfAbsent && { IfNoneMatch: '*' }) })
    try {
      await this.#bucket.client.send(command, { abortSignal: signal })
      return true
    } catch (error) {
      if (onlyIfAbsent && codeOf(error) === 'PreconditionFailed') return false
      throw error
    }
  }

  async beginUpload(key: string, { token, signal }: Mark): Promise<Upload> {
    const { client } = this.#bucket
    const checksum = this.#hasChecksums ? ({ ChecksumAlgorithm: 'CRC32' } as const) : {}
    const begin = new CreateMultipartUploadCommand({ ...this.#at(key), ...checksum, Metadata: { [TOKEN]: token } })
    const { UploadId } = await client.send(begin, { abortSignal: signal })
    const at = { ...this.#at(key), UploadId }
    const done = new Map<number, CompletedPart>()
    return {
      part: async ({ number, bytes }, abortSignal) => {
        const part = { PartNumber: number, Body: bytes, ContentLength: bytes.length }
        const { ETag, ChecksumCRC32 } = await client.send(new UploadPartCommand({ ...at, ...part }), { abortSignal })
        done.set(number, { PartNumber: number, ETag, ...(ChecksumCRC32 !== undefined && { ChecksumCRC32 }) })
      },
      finish: async (abortSignal) => {
        const Parts = [...done.values()].toSorted((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0))
        await client.send(new CompleteMultipartUploadCommand({ ...at, MultipartUpload: { Parts } }), { abortSignal })
      },
      abort: async (abortSignal) => {
        await unlessMissing(client.send(new AbortMultipartUploadCommand(at), { abortSignal }))
      },
    }
  }

  async read(key: string, { from, to, etag, signal }: ReadHow): Promise<Body | undefined> {
    const range = from === 0 && to === undefined ? {} : { Range: `bytes=${from}-${to === undefined ? '' : to - 1}` }
    const same = etag === undefined ? {} : { IfMatch: etag }
    try {
      const command = new GetObjectCommand({ ...this.#at(key), ...range, ...same })
      const found = await this.#bucket.client.send(command, { abortSignal: signal })
      const stream = found.Body
      if (!(stream instanceof Readable)) throw new Error('the answer has no body')
      const total = /\/(\d+)$/.exec(found.ContentRange ?? '')?.[1] ?? found.ContentLength
      return { etag: found.ETag ?? '', sizeBytes: Number(total), chunks: stream, cancel: () => void stream.destroy() }
    } catch (error) {
      if (codeOf(error) === 'InvalidRange') return this.#nothingOf(key, signal)
      if (explainS3Error(error).kind === 'missing') return undefined
      throw error
    }
  }

  /** A range that begins past the end. */
  async #nothingOf(key: string, signal: AbortSignal): Promise<Body | undefined> {
    const found = await this.head(key, signal)
    return found && { etag: found.etag, sizeBytes: found.sizeBytes, chunks: Readable.from([]), cancel: () => undefined }
  }

  async head(key: string, abortSignal: AbortSignal): ReturnType<Attempts['head']> {
    const found = await unlessMissing(this.#bucket.client.send(new HeadObjectCommand(this.#at(key)), { abortSignal }))
    if (found === undefined) {
      if (!this.#wasThere) await this.listPage(key, undefined, abortSignal) // to a HEAD, no bucket and no object are the same
      return undefined
    }
    const { ETag = '', ContentLength = 0, LastModified, Metadata } = found
    return { key, sizeBytes: ContentLength, modifiedMs: Number(LastModified), etag: ETag, token: Metadata?.[TOKEN] }
  }

  async listPage(prefix: string, next: string | undefined, abortSignal: AbortSignal): Promise<Page> {
    const { client, name, prefix: own } = this.#bucket
    const command = new ListObjectsV2Command({
      Bucket: name,
      Prefix: own + prefix,
      ...(next !== undefined && { ContinuationToken: next }),
    })
    const { Contents = [], IsTruncated, NextContinuationToken } = await client.send(command, { abortSignal })
    this.#wasThere = true
    const objects = Contents.map(({ Key = '', Size = 0, LastModified }) => ({
      key: Key.slice(own.length),
      sizeBytes: Size,
      modifiedMs: Number(LastModified),
    }))
    return { objects, next: IsTruncated === true ? NextContinuationToken : undefined }
  }

  async remove(key: string, abortSignal: AbortSignal): Promise<void> {
    await unlessMissing(this.#bucket.client.send(new DeleteObjectCommand(this.#at(key)), { abortSignal }))
  }

  look(signal: AbortSignal): ReturnType<Attempts['look']> {
    return lookAtBucket(this.#bucket, signal)
  }

  sweep(beforeMs: number, signal: AbortSignal): Promise<number> {
    return sweepBucket(this.#bucket, beforeMs, signal)
  }

  explain = explainS3Error

  close(): void {
    this.#bucket.client.destroy()
  }
}
