// The functions that Prometheus adds to Go's templates: numbers for people (`humanize`), queries of the moment of the alert,
// names of hosts, links. What they print is what Prometheus prints, to the last digit.

import { parseDurationMs } from '../promql/literals.ts'
import { compileRegexp } from '../promql/regexp.ts'
import { formatFloat } from './go-number.ts'
import { GoDuration, GoTime } from './go-time.ts'
import { encodeQuery, momentFunction, templateFunction, type TemplateFunction } from './template-functions.ts'
import { GoMap, GoStruct, isList, printValue, SAMPLE_TYPE, type QueriedSample, type Value } from './template-value.ts'

const LARGE = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y']
const BINARY = ['ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi']
const SMALL = ['m', 'u', 'n', 'p', 'f', 'a', 'z', 'y']

function sampleStruct({ labels, value }: QueriedSample): GoStruct {
  return new GoStruct(SAMPLE_TYPE, { Labels: new GoMap('string', labels), Value: value })
}

const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  query: momentFunction('string', (moment, expr) => moment.query(printValue(expr)).map(sampleStruct)),
  now: momentFunction('', ({ nowMs }) => nowMs / 1000),
  externalURL: momentFunction('', ({ externalUrl }) => externalUrl),
  pathPrefix: momentFunction('', ({ externalUrl }) => URL.parse(externalUrl)?.pathname.replace(/^\/$/, '') ?? ''),

  first: templateFunction('vector', (vector) => {
    if (!isList(vector) || vector.length === 0) throw new Error('first() called on vector with no elements')
    return vector[0]
  }),
  label: templateFunction('string sample', (name, sample) => labelOf(sample, printValue(name))),
  value: templateFunction('sample', (sample) => (sample instanceof GoStruct ? sample.fields['Value'] : undefined)),
  strvalue: templateFunction('sample', (sample) => labelOf(sample, '__value__')),
  sortByLabel: templateFunction('string vector', (name, vector) => {
    const by = (sample: Value): string => labelOf(sample, printValue(name))
    return isList(vector) ? vector.toSorted((a, b) => (by(a) < by(b) ? -1 : by(a) > by(b) ? 1 : 0)) : vector
  }),
  args: templateFunction(
    'any*',
    (...args) => new GoMap('interface {}', Object.fromEntries(args.map((arg, at) => [`arg${at}`, arg]))),
  ),

  reReplaceAll: templateFunction('string string string', (pattern, replacement, text) =>
    replaceAll(printValue(pattern), printValue(replacement), printValue(text)),
  ),
  match: templateFunction('string string', (pattern, text) => regexpOf(printValue(pattern)).test(printValue(text))),
  title: templateFunction('string', (text) => printValue(text).replaceAll(/\p{L}[\p{L}\p{N}\p{M}'’]*/gu, capital)),
  toUpper: templateFunction('string', (text) => printValue(text).toUpperCase()),
  toLower: templateFunction('string', (text) => printValue(text).toLowerCase()),
  safeHtml: templateFunction('string', (text) => text),
  graphLink: templateFunction('string', (expr) => `/graph?g0.expr=${encodeQuery(printValue(expr))}&g0.tab=0`),
  tableLink: templateFunction('string', (expr) => `/graph?g0.expr=${encodeQuery(printValue(expr))}&g0.tab=1`),
  urlQueryEscape: templateFunction('string', (text) => encodeQuery(printValue(text))),
  stripPort: templateFunction('string', (address) => splitHostPort(printValue(address))?.host ?? printValue(address)),
  stripDomain: templateFunction('string', (address) => stripDomain(printValue(address))),

  humanize: templateFunction('any', (value) => humanize(toFloat(value))),
  humanize1024: templateFunction('any', (value) => humanize1024(toFloat(value))),
  humanizeDuration: templateFunction('any', (value) => humanizeDuration(toFloat(value))),
  humanizePercentage: templateFunction('any', (value) => `${short(toFloat(value) * 100)}%`),
  humanizeTimestamp: templateFunction('any', (value) => {
    const seconds = toFloat(value)
    return Number.isFinite(seconds) ? printValue(timeOf(seconds)) : short(seconds)
  }),
  toTime: templateFunction('any', (value) => timeOf(toFloat(value))),
  toDuration: templateFunction('any', (value) => new GoDuration(BigInt(Math.trunc(toFloat(value) * 1e9)))),
  parseDuration: templateFunction('string', (text) => parseDuration(printValue(text))),
}

export const prometheusFunctions: ReadonlyMap<string, TemplateFunction> = new Map(Object.entries(FUNCTIONS))

function labelOf(sample: Value, name: string): string {
  const labels = sample instanceof GoStruct ? sample.fields['Labels'] : undefined
  return labels instanceof GoMap ? printValue(labels.get(name)) : ''
}

/** Numbers, and texts that are numbers: a label's value is a text. */
function toFloat(value: Value): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof GoDuration) return value.seconds
  if (typeof value !== 'string') throw new Error(`can't convert ${printValue(value)} to float`)
  const infinity = /^([+-]?)inf(?:inity)?$/i.exec(value)
  if (infinity !== null) return infinity[1] === '-' ? -Infinity : Infinity
  if (/^[+-]?nan$/i.test(value)) return NaN
  const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(value) ? Number(value) : undefined
  if (number === undefined) throw new Error(`strconv.ParseFloat: parsing ${JSON.stringify(value)}: invalid syntax`)
  return number
}

function short(value: number): string {
  return formatFloat(value, 'g', 4)
}

function humanize(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return short(value)
  return Math.abs(value) >= 1 ? divided(value, 1000, LARGE) : multiplied(value)
}

function humanize1024(value: number): string {
  return Math.abs(value) <= 1 || !Number.isFinite(value) ? short(value) : divided(value, 1024, BINARY)
}

function divided(value: number, base: number, prefixes: readonly string[]): string {
  let left = value
  let prefix = ''
  for (const each of prefixes) {
    if (Math.abs(left) < base) break
    prefix = each
    left /= base
  }
  return short(left) + prefix
}

function multiplied(value: number): string {
  let left = value
  let prefix = ''
  for (const each of SMALL) {
    if (Math.abs(left) >= 1) break
    prefix = each
    left *= 1000
  }
  return short(left) + prefix
}

/** Whole units from a minute on, four digits below. */
function humanizeDuration(value: number): string {
  if (!Number.isFinite(value)) return short(value)
  if (value === 0) return `${short(value)}s`
  if (Math.abs(value) < 1) return `${multiplied(value)}s`
  const sign = value < 0 ? '-' : ''
  const size = Math.abs(value)
  const whole = Math.trunc(size)
  const seconds = whole % 60
  const minutes = Math.floor(whole / 60) % 60
  const hours = Math.floor(whole / 3600) % 24
  const days = Math.floor(whole / 86_400)
  if (days > 0) return `${sign}${days}d ${hours}h ${minutes}m ${seconds}s`
  if (hours > 0) return `${sign}${hours}h ${minutes}m ${seconds}s`
  return minutes > 0 ? `${sign}${minutes}m ${seconds}s` : `${sign}${short(size)}s`
}

function timeOf(seconds: number): GoTime {
  if (!Number.isFinite(seconds)) throw new Error('value is NaN or Inf')
  if (Math.abs(seconds * 1e9) > 2 ** 63)
    throw new Error(
      `${formatFloat(seconds, 'g')} cannot be represented as a nanoseconds timestamp since it overflows int64`,
    )
  return new GoTime(Math.floor(seconds * 1000))
}

function parseDuration(text: string): number {
  const ms = parseDurationMs(text.replace(/^-/, ''))
  if (ms === undefined) throw new Error(`not a valid duration string: ${JSON.stringify(text)}`)
  return (text.startsWith('-') ? -ms : ms) / 1000
}

function regexpOf(pattern: string): RegExp {
  const regexp = compileRegexp(pattern, 'anywhere')
  if (typeof regexp === 'string') throw new Error(`error parsing regexp: ${regexp}`)
  return regexp
}

/** `$1`, `${1}` and `$name` of the replacement are what the group matched; a group that there is not is empty. */
function replaceAll(pattern: string, replacement: string, text: string): string {
  return text.replaceAll(regexpOf(pattern), (...found: unknown[]) => {
    const named = typeof found.at(-1) === 'object' ? (found.at(-1) as Readonly<Record<string, string>>) : {}
    const groups = found.slice(
      0,
      found.findIndex((each, at) => at > 0 && typeof each === 'number'),
    )
    return replacement.replaceAll(/\$(?:\$|\{(\w+)\}|(\w+))/g, (mark, braced?: string, plain?: string) => {
      const name = braced ?? plain
      if (name === undefined) return mark === '$$' ? '$' : mark
      const value = /^\d+$/.test(name) ? groups[Number(name)] : named[name]
      return typeof value === 'string' ? value : ''
    })
  })
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

/** `host:port` and `[v6]:port`; undefined for anything else. */
function splitHostPort(address: string): { host: string; port: string } | undefined {
  const found = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:[\]]*)$/.exec(address)
  return found === null ? undefined : { host: found[1] ?? found[2] ?? '', port: found[3] ?? '' }
}

function stripDomain(address: string): string {
  const { host, port } = splitHostPort(address) ?? { host: address, port: '' }
  if (/^\d+\.\d+\.\d+\.\d+$/.test(host) || host.includes(':')) return address
  const first = host.split('.')[0] ?? ''
  return port === '' ? first : `${first}:${port}`
}
