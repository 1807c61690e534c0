// What an error of S3 means: whether to try again, and what a person can do about it. Source of the codes: Amazon S3 API
// Reference, "Error responses"; those of compatible stores as they were met.

import { explainNetworkError, explainStatus, firstWords } from './network-errors.ts'
import type { Failure } from './storage-unit.ts'

type Meaning = Omit<Failure, 'why'>

const LOGIN: Meaning = {
  kind: 'never',
  hint: 'Look at the access key and its secret: the environment, ~/.aws/credentials, or credentialsFile.',
}
const REGION: Meaning = { kind: 'never', hint: 'Give the region of the bucket: ?region=…' }
const AGAIN: Meaning = { kind: 'again' }

const MEANINGS: Readonly<Record<string, Meaning>> = {
  NoSuchKey: { kind: 'missing' },
  NoSuchUpload: { kind: 'missing' },
  NotFound: { kind: 'missing' }, // of a HEAD, which has no body to say more
  NoSuchBucket: { kind: 'never', hint: 'Make the bucket, or look at its name and the endpoint.' },
  InvalidBucketName: { kind: 'never', hint: 'Look at the name of the bucket.' },
  AccessDenied: { kind: 'never', hint: 'docs/storage.md lists the permissions that are needed.' },
  InvalidAccessKeyId: LOGIN,
  SignatureDoesNotMatch: LOGIN,
  InvalidToken: LOGIN,
  ExpiredToken: { kind: 'later', hint: 'The session has expired: give new credentials.' },
  RequestTimeTooSkewed: { kind: 'again', hint: 'Set the clock of this machine.' }, // the library corrects itself after the first
  PermanentRedirect: REGION,
  AuthorizationHeaderMalformed: REGION,
  IllegalLocationConstraintException: REGION,
  ConditionalRequestConflict: AGAIN, // two at the same moment: the next attempt sees who won
  OperationAborted: AGAIN,
  RequestTimeout: AGAIN,
  SlowDown: AGAIN,
  InternalError: AGAIN,
  ServiceUnavailable: AGAIN,
  BadDigest: AGAIN, // damaged on its way
  XAmzContentSHA256Mismatch: AGAIN,
  IncompleteBody: AGAIN,
  QuotaExceeded: { kind: 'later', hint: 'Raise the quota, or keep less: see `respite prune`.' },
  XMinioStorageFull: { kind: 'later', hint: 'The store is full.' },
  NotImplemented: { kind: 'unsupported' },
  PreconditionFailed: { kind: 'never', hint: 'Another object has taken its place.' },
}

interface S3Error {
  readonly name: string // the code
  readonly message: string
  readonly $metadata?: { readonly httpStatusCode?: number }
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> }
}

/** The code of the answer, '' when the error is no answer. */
export function codeOf(error: unknown): string {
  return statusOf(error) === undefined ? '' : (error as S3Error).name
}

function statusOf(error: unknown): number | undefined {
  return (error as S3Error).$metadata?.httpStatusCode
}

export function explainS3Error(error: unknown): Failure {
  const { name, message, $response } = error as S3Error
  const status = statusOf(error)
  if (name === 'CredentialsProviderError') return withoutCredentials(message)
  if (message.startsWith('Region is missing')) return { ...REGION, why: 'no region is given' }
  if (status === undefined) return explainNetworkError(error)
  const why = firstWords(/^(?:Unknown|UnknownError|\d+)$/.test(name) ? `answer ${status}` : `${name}: ${message}`)
  const meaning = MEANINGS[name]
  const region = $response?.headers?.['x-amz-bucket-region']
  if (meaning === REGION && region !== undefined) return { ...REGION, why, hint: `The bucket is in ?region=${region}` }
  if (meaning !== undefined) return { ...meaning, why }
  if (status === 404) return { kind: 'missing', why }
  if (status === 301) return { ...REGION, why }
  if (status === 401 || status === 403) return { ...LOGIN, why }
  const known = explainStatus(status, why, $response?.headers?.['retry-after'])
  if (known !== undefined) return known
  return status < 300 ? strangeAnswer(status) : { kind: 'never', why, hint: 'Look at the endpoint: is that S3?' }
}

function strangeAnswer(status: number): Failure {
  return { kind: 'again', why: `answer ${status} that is not one of S3`, hint: 'Look at the endpoint: is that S3?' }
}

/** None at all is a mistake; that the machine's own cannot be had now may pass. */
function withoutCredentials(message: string): Failure {
  if (message.startsWith('Could not load credentials from any providers'))
    return { ...LOGIN, why: 'there are no credentials' }
  return { ...LOGIN, kind: 'again', why: `no credentials could be had: ${firstWords(message)}` }
}

/** Undefined for what is not there. */
export async function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (explainS3Error(error).kind === 'missing') return undefined
    throw error
  }
}
