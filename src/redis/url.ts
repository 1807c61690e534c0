// Where a server is and how to log in, from the URL that a person types. A password in a URL is read but never printed:
// everything that shows a URL goes through `showUrl`.

import { Fault } from '../lib/fault.ts'

/** One way to reach one server. */
export type Address =
  | { readonly host: string; readonly port: number; readonly path?: undefined }
  | { readonly path: string; readonly host?: undefined; readonly port?: undefined }

export interface Tls {
  readonly ca?: string | undefined // PEM text, not a path
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly serverName?: string | undefined // SNI and the name that the certificate must carry
}

/** How to log in; the same for all servers of a deployment unless configured otherwise. */
export interface Access {
  readonly user?: string | undefined
  readonly password?: string | undefined
  readonly tls?: Tls | undefined // undefined: plain text
}

export interface Target {
  readonly kind: 'server' | 'sentinel' // sentinel: `seeds` are Sentinels, `masterName` is what they watch
  readonly seeds: readonly Address[] // at least one
  readonly masterName?: string | undefined
  readonly db: number
  readonly access: Access
  readonly shown: string // the URL without a password
}

const HINT = 'Write redis://[user@]host:6379/0, rediss://…, unix:/path or redis+sentinel://h1:26379,h2:26379/mymaster'

/** Parses a URL of the command line or the configuration. Throws a Fault (exit 64) that names what is wrong. */
export function parseUrl(text: string): Target {
  const wrong = (why: string): Fault =>
    new Fault({ doing: 'reading the URL', target: showUrl(text), why, hint: HINT, exit: 64, retryable: false })
  const match = /^(redis|rediss|unix|redis\+sentinel|rediss\+sentinel):(?:\/\/)?(.*)$/s.exec(text)
  if (match === null) throw wrong(/:\/\//.test(text) ? 'its scheme is not one that Respite speaks' : 'it has no scheme')
  const [, scheme, rest] = match as unknown as [string, string, string]
  const isSocket = scheme === 'unix'
  const { user, password, after } = splitLogin(rest, isSocket)
  const shown = showUrl(text)
  const tls: Tls | undefined = scheme.startsWith('rediss') ? {} : undefined
  const access: Access = { ...decoded({ user, password }, wrong), ...(tls && { tls }) }

  if (isSocket) {
    if (!after.startsWith('/')) throw wrong('the path of a unix socket starts with /')
    return { kind: 'server', seeds: [{ path: after }], db: 0, access, shown }
  }
  const [hosts = '', ...path] = after.replace(/\?.*$/s, '').split('/')
  if (hosts === '') throw wrong('the host is missing')
  const { name = '' } = decoded({ name: path.join('/') }, wrong)
  const sentinel = scheme.endsWith('+sentinel')
  const seeds = hosts.split(',').map((host) => parseHost(host, sentinel ? 26379 : 6379, wrong))
  if (sentinel) return { kind: 'sentinel', seeds, masterName: name === '' ? undefined : name, db: 0, access, shown }
  if (!/^\d*$/.test(name)) throw wrong(`the database "${name}" is not a number`)
  return { kind: 'server', seeds, db: Number(name), access, shown }
}

/** What stands before the last `@`, still encoded. The path of a socket may hold an `@` of its own. */
function splitLogin(rest: string, isSocket: boolean): { user?: string; password?: string; after: string } {
  const at = isSocket && rest.startsWith('/') ? -1 : rest.lastIndexOf('@')
  if (at === -1) return { after: rest }
  const login = rest.slice(0, at)
  const colon = login.indexOf(':')
  const after = rest.slice(at + 1)
  return colon === -1
    ? { user: login, after }
    : { user: login.slice(0, colon), password: login.slice(colon + 1), after }
}

/** The parts with their percent signs resolved; those that are absent or empty are left out. */
function decoded<K extends string>(
  parts: Record<K, string | undefined>,
  wrong: (why: string) => Fault,
): Partial<Record<K, string>> {
  const result: Partial<Record<K, string>> = {}
  for (const [name, text] of Object.entries(parts) as [K, string | undefined][])
    try {
      if (text !== undefined && text !== '') result[name] = decodeURIComponent(text)
    } catch {
      throw wrong(`the ${name} holds a % that is not followed by two hexadecimal digits; a plain % is written %25`)
    }
  return result
}

function parseHost(text: string, defaultPort: number, wrong: (why: string) => Fault): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*))(?::(\d+))?$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  if (match === null || host === undefined || host === '') throw wrong(`"${text}" is not host:port`)
  const port = match[3] === undefined ? defaultPort : Number(match[3])
  if (port < 1 || port > 65_535) throw wrong(`port ${port} is not between 1 and 65535`)
  return { host, port }
}

/** `host:port` or the socket's path: the id of a server and the name that people know it by. IPv6 stands in brackets. */
export function showAddress(address: Address): string {
  if (address.path !== undefined) return address.path
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`
}

/** The reverse of `showAddress`. */
export function parseAddress(text: string): Address {
  if (text.startsWith('/')) return { path: text }
  return parseHost(text, 6379, (why) => new Fault({ doing: 'reading the address', target: text, why, exit: 64 }))
}

const SCHEME = /^(?:[a-z][a-z0-9+.-]*:\/\/|(?:rediss?(?:\+sentinel)?|unix):)/i

/** The URL as it may be printed: a password in it becomes `***`, also where the rest is no URL that we understand. */
export function showUrl(text: string): string {
  const scheme = SCHEME.exec(text)?.[0] ?? ''
  const rest = text.slice(scheme.length)
  const { user = '', password, after } = splitLogin(rest, /^unix:/i.test(scheme))
  const login = after === rest ? '' : `${user}${password === undefined ? '' : ':***'}@`
  return `${scheme}${login}${after.replace(/([?&][^=&]*(?:pass|auth)[^=&]*=)[^&]*/gi, '$1***')}`
}
