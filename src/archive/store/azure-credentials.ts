// How to log in to an account of Azure Storage: a file that the configuration names, the variables that Azure's own
// tools read, or an identity of the machine where the package for it is installed.

import { AnonymousCredential, StorageSharedKeyCredential, type newPipeline } from '@azure/storage-blob'
import { Fault, reasonOf } from '../../lib/fault.ts'
import { GIVE_LOGIN } from './azure-errors.ts'
import { readSecretFile, wrongFile } from './s3-credentials.ts'

type Credential = Parameters<typeof newPipeline>[0]

export interface AzureLogin {
  readonly endpoint: string | undefined // where the credentials say it; undefined: the usual one
  readonly credential: NonNullable<Credential>
  readonly sas: string // goes behind the `?` of every address; '' for none
}

const IDENTITY: string = '@azure/identity' // no dependency: 50 MB for those who have it anyway

/** Throws a Fault, which says no secret. */
export async function findAzureLogin(account: string, credentialsFile: string | undefined): Promise<AzureLogin> {
  if (credentialsFile !== undefined) {
    const text = (await readSecretFile(credentialsFile)).trim()
    const login = /=.*;|^\w+=[^=]/.test(text) ? fromConnectionString(text, account) : fromKey(account, text)
    if (typeof login === 'string') throw wrongFile(credentialsFile, login)
    return login
  }
  const login = fromEnvironment(account)
  if (typeof login === 'string') throw noLogin(account, login)
  return login ?? { endpoint: undefined, credential: await machineIdentity(account), sas: '' }
}

/** A text says what is wrong; undefined: nothing is there. */
function fromEnvironment(account: string): AzureLogin | string | undefined {
  const { AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN } =
    process.env
  if (AZURE_STORAGE_CONNECTION_STRING !== undefined)
    return fromConnectionString(AZURE_STORAGE_CONNECTION_STRING, account)
  if (AZURE_STORAGE_KEY === undefined && AZURE_STORAGE_SAS_TOKEN === undefined) return undefined
  if (AZURE_STORAGE_ACCOUNT !== undefined && AZURE_STORAGE_ACCOUNT !== account)
    return `AZURE_STORAGE_ACCOUNT is ${AZURE_STORAGE_ACCOUNT}`
  return AZURE_STORAGE_KEY === undefined
    ? fromSas(AZURE_STORAGE_SAS_TOKEN ?? '', undefined)
    : fromKey(account, AZURE_STORAGE_KEY)
}

/** `Name=value;…`. Source: Azure Storage, "Configure Azure Storage connection strings". */
function fromConnectionString(text: string, account: string): AzureLogin | string {
  const parts = new Map(
    text.split(';').map((part) => {
      const at = part.indexOf('=')
      return [part.slice(0, at).trim(), part.slice(at + 1).trim()]
    }),
  )
  const name = parts.get('AccountName')
  const key = parts.get('AccountKey')
  const sas = parts.get('SharedAccessSignature')
  if (name !== undefined && name !== account) return `the connection string is that of the account ${name}`
  const suffix = parts.get('EndpointSuffix')
  const scheme = parts.get('DefaultEndpointsProtocol') ?? 'https'
  const usual = suffix === undefined ? undefined : `${scheme}://${account}.blob.${suffix}`
  const endpoint = (parts.get('BlobEndpoint') ?? usual)?.replace(/\/+$/, '')
  if (sas !== undefined) return fromSas(sas, endpoint)
  if (key === undefined) return 'the connection string holds neither AccountKey nor SharedAccessSignature'
  const login = fromKey(account, key)
  return typeof login === 'string' ? login : { ...login, endpoint }
}

function fromKey(account: string, key: string): AzureLogin | string {
  if (!/^[A-Za-z0-9+/]+=*$/.test(key)) return 'it is neither a connection string nor the key of an account'
  return { endpoint: undefined, credential: new StorageSharedKeyCredential(account, key), sas: '' }
}

function fromSas(sas: string, endpoint: string | undefined): AzureLogin {
  return { endpoint, credential: new AnonymousCredential(), sas: sas.replace(/^\?/, '') }
}

/** The identity of a virtual machine, a pod, or of whoever said `az login`. */
async function machineIdentity(account: string): Promise<NonNullable<Credential>> {
  try {
    const identity = (await import(IDENTITY)) as { DefaultAzureCredential: new () => NonNullable<Credential> }
    return new identity.DefaultAzureCredential()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND')
      throw noLogin(account, 'there are no credentials, and the package @azure/identity is not installed')
    throw noLogin(account, reasonOf(error))
  }
}

function noLogin(account: string, why: string): Fault {
  const hint = GIVE_LOGIN
  return new Fault({ doing: 'logging in to', target: `azblob://${account}`, why, hint, exit: 64, retryable: false })
}
