// What a bucket says of itself: whether it is there, what time it has, whether it keeps versions and locks objects.

import {
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3'
import { codeOf, explainS3Error } from './s3-errors.ts'
import type { Looked } from './storage-unit.ts'

export interface Bucket {
  readonly client: S3Client
  readonly name: string
  readonly prefix: string // of all keys: '' or ends with a slash
}

/** Throws when there is no such bucket, or nothing in it may be listed. */
export async function lookAtBucket(bucket: Bucket, abortSignal: AbortSignal): Promise<Looked> {
  const { client, name, prefix } = bucket
  const storeMs = await timeOfAnswer(client, async () => {
    // A list says why it is refused; a HEAD, which has no body, does not.
    await client.send(new ListObjectsV2Command({ Bucket: name, Prefix: prefix, MaxKeys: 1 }), { abortSignal })
  })
  const couldNotLook: Looked['couldNotLook'][number][] = []
  const versioning = await unlessRefused(
    'versioning of the bucket',
    's3:GetBucketVersioning',
    couldNotLook,
    async () => {
      const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket: name }), { abortSignal })
      return Status === 'Enabled' ? 'on' : Status === 'Suspended' ? 'suspended' : 'off'
    },
  )
  const objectLock = await unlessRefused('object lock', 's3:GetBucketObjectLockConfiguration', couldNotLook, () =>
    objectLockOf(bucket, abortSignal),
  )
  return { storeMs, freeBytes: undefined, versioning, objectLock, warnings: [], couldNotLook }
}

async function objectLockOf({ client, name }: Bucket, abortSignal: AbortSignal): Promise<string> {
  try {
    const command = new GetObjectLockConfigurationCommand({ Bucket: name })
    const { ObjectLockConfiguration: found } = await client.send(command, { abortSignal })
    if (found?.ObjectLockEnabled !== 'Enabled') return 'off'
    const { Mode, Days, Years } = found.Rule?.DefaultRetention ?? {}
    if (Mode === undefined) return 'on, no default retention'
    return `${Mode.toLowerCase()}, ${Years === undefined ? `${Days ?? 0} days` : `${Years} years`}`
  } catch (error) {
    if (codeOf(error) === 'ObjectLockConfigurationNotFoundError') return 'off'
    throw error
  }
}

/** What this login may not see, and what this store does not know, is not known; anything else is thrown. */
async function unlessRefused<T>(
  at: string,
  permission: string,
  couldNotLook: Looked['couldNotLook'][number][],
  ask: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    const { kind, why } = explainS3Error(error)
    if (kind !== 'never' && kind !== 'unsupported' && kind !== 'missing') throw error
    couldNotLook.push({ at, why, hint: `It needs ${permission}, and a store that knows it.` })
    return undefined
  }
}

/** The header Date of the last answer. It counts whole seconds, so that half of one is added. */
async function timeOfAnswer(client: S3Client, ask: () => Promise<void>): Promise<number | undefined> {
  let date: string | undefined
  const name = 'respiteDate'
  client.middlewareStack.add(
    (next) => async (given) => {
      const result = await next(given)
      date = (result.response as { headers?: Record<string, string> }).headers?.['date']
      return result
    },
    { step: 'deserialize', name, priority: 'low', override: true },
  )
  try {
    await ask()
  } finally {
    client.middlewareStack.remove(name)
  }
  const ms = Date.parse(date ?? '')
  return Number.isNaN(ms) ? undefined : ms + 500
}
