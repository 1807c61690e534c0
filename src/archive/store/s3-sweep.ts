// What writers who were killed left in a bucket: parts of uploads that nobody will finish, which cost money and are seen
// in no list of objects, and probes.

import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  type MultipartUpload,
} from '@aws-sdk/client-s3'
import type { Bucket } from './s3-bucket.ts'
import { unlessMissing } from './s3-errors.ts'
import { OWN } from './storage-key.ts'

/** Removes what nobody has touched since then: how many. */
export async function sweepBucket(bucket: Bucket, beforeMs: number, abortSignal: AbortSignal): Promise<number> {
  let removed = 0
  for (const upload of await oldUploads(bucket, beforeMs, abortSignal)) {
    if (await isAlive(bucket, upload, beforeMs, abortSignal)) continue
    await unlessMissing(bucket.client.send(new AbortMultipartUploadCommand(nameOf(bucket, upload)), { abortSignal }))
    removed += 1
  }
  const probes = new ListObjectsV2Command({ Bucket: bucket.name, Prefix: bucket.prefix + OWN })
  const { Contents = [] } = await bucket.client.send(probes, { abortSignal })
  for (const { Key, LastModified } of Contents) {
    if (Key === undefined || Number(LastModified) >= beforeMs) continue
    await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key }), { abortSignal })
    removed += 1
  }
  return removed
}

function nameOf(
  { name }: Bucket,
  { Key, UploadId }: MultipartUpload,
): { Bucket: string; Key: string; UploadId: string } {
  return { Bucket: name, Key: Key ?? '', UploadId: UploadId ?? '' }
}

async function oldUploads(bucket: Bucket, beforeMs: number, abortSignal: AbortSignal): Promise<MultipartUpload[]> {
  const old: MultipartUpload[] = []
  let from: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}
  while (from !== undefined) {
    const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
      Bucket: bucket.name,
      Prefix: bucket.prefix,
      ...from,
    })
    const page = await bucket.client.send(command, { abortSignal })
    old.push(...(page.Uploads ?? []).filter(({ Initiated }) => Number(Initiated) < beforeMs))
    const { IsTruncated, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page
    from =
      IsTruncated === true && KeyMarker !== undefined && UploadIdMarker !== undefined
        ? { KeyMarker, UploadIdMarker }
        : undefined
  }
  return old
}

/** A large base on a thin line may take more than a day: as long as parts arrive, somebody is there. */
async function isAlive(
  bucket: Bucket,
  upload: MultipartUpload,
  beforeMs: number,
  abortSignal: AbortSignal,
): Promise<boolean> {
  let from: string | undefined
  do {
    const marker = from === undefined ? {} : { PartNumberMarker: from }
    const command: ListPartsCommand = new ListPartsCommand({ ...nameOf(bucket, upload), ...marker })
    const page = await unlessMissing(bucket.client.send(command, { abortSignal }))
    if (page === undefined) return false
    if ((page.Parts ?? []).some(({ LastModified }) => Number(LastModified) >= beforeMs)) return true
    from = page.IsTruncated === true ? page.NextPartNumberMarker : undefined
  } while (from !== undefined)
  return false
}
