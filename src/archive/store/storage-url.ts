// Where a store is, from the URL that a person types. It holds no secret: whatever looks like one is refused before it
// can reach a log, with the place where it belongs.

import { Fault } from '../../lib/fault.ts'

export interface Place {
  readonly scheme: string
  readonly host: string // the bucket or account; '' for file:
  readonly path: readonly string[] // its segments, percent signs resolved
  readonly options: ReadonlyMap<string, string> // behind the `?`
  readonly shown: string // without the options
}

const HINT =
  'Write file:///path, s3://bucket/prefix?endpoint=…&region=… or azblob://account/container/prefix; see docs/storage.md'
const SECRET_HINT =
  'Give them by the environment (AWS_ACCESS_KEY_ID, AZURE_STORAGE_CONNECTION_STRING, …) or in a credentialsFile; see docs/storage.md'
const SECRET = /key|secret|pass|token|sig|sas|auth|cred|login|user|account/i

/** Parses the URL of a store. Throws a Fault (exit 64) that names what is wrong, and shows no secret. */
export function parseStorageUrl(text: string): Place {
  const [, scheme = '', host = '', path = '', query = ''] =
    /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?(.*))?/is.exec(text) ?? []
  const shown = `${scheme === '' ? '' : `${scheme}:`}${scheme === 'file' || host !== '' ? '//' : ''}${host.replace(/^.*@/s, '***@')}${path}`
  const wrong = (why: string, hint = HINT): Fault =>
    new Fault({ doing: 'reading the URL of the store', target: shown, why, hint, exit: 64, retryable: false })
  if (scheme === '' && text.startsWith('/')) throw wrong('it has no scheme', `For this folder write file://${text}`)
  if (scheme === '') throw wrong('it has no scheme')
  if (host.includes('@')) throw wrong('a login does not belong in it', SECRET_HINT)
  if (text.includes('#')) throw wrong('it holds a #, which is written %23 in a path')
  const options = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) {
    if (SECRET.test(name)) throw wrong(`"${name}" is a secret or a login, which do not belong in it`, SECRET_HINT)
    if (options.has(name)) throw wrong(`"${name}" stands in it twice`)
    options.set(name, value)
  }
  return {
    scheme: scheme.toLowerCase(),
    host,
    path: segmentsOf(path, wrong),
    options,
    shown: shown.replace(/\/+$/, ''),
  }
}

function segmentsOf(path: string, wrong: (why: string) => Fault): string[] {
  const segments = path.split('/').filter((segment) => segment !== '')
  return segments.map((segment) => {
    let decoded: string
    try {
      decoded = decodeURIComponent(segment)
    } catch {
      throw wrong('its path holds a % that is not followed by two hexadecimal digits; a plain % is written %25')
    }
    if (decoded === '.' || decoded === '..' || /[/\0]/.test(decoded)) throw wrong(`"${segment}" is no name in a path`)
    return decoded
  })
}

/** For a unit that does not find in the URL what it needs. */
export function wrongPlace(place: Place, why: string, hint = HINT): Fault {
  return new Fault({ doing: 'opening the store', target: place.shown, why, hint, exit: 64, retryable: false })
}

/** The option `endpoint`, without a slash at its end; undefined when absent. Throws a Fault. */
export function endpointOf(place: Place): string | undefined {
  const text = place.options.get('endpoint')
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw wrongPlace(place, 'its endpoint is not an http:// or https:// address')
  if (url.username !== '' || url.password !== '' || url.search !== '')
    throw wrongPlace(place, 'its endpoint holds a login or a query, where a secret may stand', SECRET_HINT)
  return text.replace(/\/+$/, '')
}
