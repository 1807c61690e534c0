// What an error of Azure Blob Storage means. Source of the codes: Azure Storage REST API, "Common REST API error codes"
// and "Blob service error codes".

import { Fault } from '../../lib/fault.ts'
import { explainNetworkError, explainStatus, firstWords } from './network-errors.ts'
import type { Failure } from './storage-unit.ts'

type Meaning = Omit<Failure, 'why'>

const LOGIN: Meaning = {
  kind: 'never',
  hint: 'Look at the account, its key or connection string, and at the clock of this machine.',
}
export const GIVE_LOGIN =
  'Set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY, or give a credentialsFile; for a managed identity: npm install @azure/identity'
const ROLE: Meaning = { kind: 'never', hint: 'docs/storage.md names the role that is needed.' }

const MEANINGS: Readonly<Record<string, Meaning>> = {
  BlobNotFound: { kind: 'missing' },
  ContainerNotFound: { kind: 'never', hint: 'Make the container, or look at its name and the account.' },
  ContainerDisabled: { kind: 'never' },
  ContainerBeingDeleted: { kind: 'later', hint: 'Azure needs half a minute to remove a container.' },
  AuthenticationFailed: LOGIN,
  InvalidAuthenticationInfo: LOGIN,
  NoAuthenticationInformation: LOGIN,
  AccountIsDisabled: { kind: 'never', hint: 'Look at the account in the portal.' },
  AuthorizationFailure: {
    kind: 'never',
    hint: 'Look at the account, its key, its role and its firewall; see docs/storage.md.',
  },
  AuthorizationPermissionMismatch: ROLE,
  InsufficientAccountPermissions: ROLE,
  AuthorizationSourceIPMismatch: { kind: 'never', hint: 'Its firewall does not let this machine in.' },
  BlobImmutableDueToPolicy: { kind: 'never', hint: 'An immutability policy holds it until it expires.' },
  ConditionNotMet: { kind: 'never', hint: 'Another object has taken its place.' },
  Md5Mismatch: { kind: 'again' },
  OperationTimedOut: { kind: 'again' },
  ServerBusy: { kind: 'again' },
  InternalError: { kind: 'again' },
}

interface AzureError {
  readonly name: string
  readonly message: string
  readonly code?: string // of Azure, or of the network
  readonly statusCode?: number
  readonly details?: { readonly errorCode?: string }
  readonly response?: { readonly headers: { get(name: string): string | undefined } }
}

/** The code of the answer, '' when the error is no answer. */
export function azureCodeOf(error: unknown): string {
  const { statusCode, details, code, response } = error as AzureError
  if (statusCode === undefined) return ''
  return response?.headers.get('x-ms-error-code') ?? details?.errorCode ?? code ?? ''
}

export function explainAzureError(error: unknown): Failure {
  if (error instanceof Fault) return { kind: error.retryable ? 'later' : 'never', why: error.why, hint: error.hint }
  const { message, statusCode, name } = error as AzureError
  if (/^(?:AggregateAuthenticationError|CredentialUnavailableError|AuthenticationError)$/.test(name))
    return { ...LOGIN, why: hide(firstWords(message)) }
  if (message.startsWith('Bearer token authentication is not permitted for non-TLS'))
    return {
      kind: 'never',
      why: 'no credentials are given, and the identity of a machine goes over https only',
      hint: GIVE_LOGIN,
    }
  if (statusCode === undefined) {
    const failure = explainNetworkError(error)
    return { ...failure, why: hide(failure.why) }
  }
  const code = azureCodeOf(error)
  const why = hide(code === '' ? `answer ${statusCode}` : firstWords(`${code}: ${plain(message)}`))
  const meaning = MEANINGS[code]
  if (meaning !== undefined) return { ...meaning, why }
  if (statusCode === 404) return { kind: 'missing', why }
  if (statusCode === 401 || statusCode === 403) return { ...LOGIN, why }
  const known = explainStatus(statusCode, why, (error as AzureError).response?.headers.get('retry-after'))
  return known ?? { kind: 'never', why, hint: 'Look at the endpoint: is that Azure Blob Storage?' }
}

/** The library sometimes adds the whole answer as JSON or XML. */
const plain = (message: string): string => message.replace(/[{<].*$/s, '').trim()

/** An address may hold a signature. */
const hide = (text: string): string => text.replaceAll(/\bsig=[^&\s"']+/gi, 'sig=…')

/** Undefined for what is not there. */
export async function unlessAzureMisses<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (explainAzureError(error).kind === 'missing') return undefined
    throw error
  }
}
