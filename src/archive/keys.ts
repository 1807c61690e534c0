// The names of an archive's objects (docs/formats/archive.md, "The tree"). They sort in the order of what they hold, and
// the name of a segment says all that a catalogue needs, so that a listing of the store is the catalogue.

const OFFSET_DIGITS = 16
const EPOCH_DIGITS = 10

/** A name of the user's as a part of a key: what is not plain, and a dot at either end, becomes `%` and two hex digits. */
export function encodeName(name: string): string {
  const bytes = Buffer.from(name)
  return [...bytes].map((byte, at) => encodeByte(byte, at === 0 || at === bytes.length - 1)).join('')
}

function encodeByte(byte: number, isAtEnd: boolean): string {
  const character = String.fromCodePoint(byte)
  if (/[A-Za-z0-9_-]/.test(character) || (character === '.' && !isAtEnd)) return character
  return `%${byte.toString(16).padStart(2, '0').toUpperCase()}`
}

/** The name that `encodeName` was given. What it cannot have made stays as it is. */
export function decodeName(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part // bytes that are no UTF-8
  }
}

/** `20261121T104751.123Z`: sorts, and has no character that a file system or a URL minds. */
export function showKeyTime(at: number): string {
  return new Date(at).toISOString().replaceAll(/[-:]/g, '')
}

/** Epoch milliseconds of `showKeyTime`, or undefined. */
export function parseKeyTime(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\.\d{3})?Z$/.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour, minute, second, fraction = ''] = match
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${fraction}Z`)
  return Number.isNaN(at) ? undefined : at
}

/** `20261121T104751Z-3f9a`. `random` is four hexadecimal digits: two bases of one second are two. */
export function makeBaseId(at: number, random: string): string {
  return `${showKeyTime(at).replace(/\.\d{3}/, '')}-${random}`
}

export function makeTimelineName(number: number, replid: string): string {
  return `${String(number).padStart(4, '0')}-${replid.slice(0, 8)}`
}

/** The number of a timeline's name; undefined for what is none. */
export function timelineNumber(name: string): number | undefined {
  return /^\d{4,}-[0-9a-f]{8}$/.test(name) ? Number(name.split('-', 1)[0]) : undefined
}

/** What the name of a segment says. */
export interface SegmentName {
  readonly from: number // offset before its first byte
  readonly to: number // offset after its last byte
  readonly fromTime: number // epoch ms at which its first byte came
  readonly toTime: number
  readonly db: number // selected at its end
  readonly sha256: string // of the object, hexadecimal
  readonly sealed: Sealing
}

/** How an object is sealed; the end of its name says so. */
export type Sealing = 'zst' | 'zst.age'

const SEGMENT = /^(\d{16})-(\d{16})\.(\d{1,16})-(\d{1,16})\.(\d{1,6})\.([0-9a-f]{64})\.aof\.(zst|zst\.age)$/

export function showSegmentName(segment: SegmentName): string {
  const { from, to, fromTime, toTime, db, sha256, sealed } = segment
  return `${showOffset(from)}-${showOffset(to)}.${fromTime}-${toTime}.${db}.${sha256}.aof.${sealed}`
}

/** What the name says, or undefined for what is no segment (a newer kind of object, somebody's own file). */
export function parseSegmentName(name: string): SegmentName | undefined {
  const match = SEGMENT.exec(name)
  if (match === null) return undefined
  const [from, to, fromTime, toTime, db] = match.slice(1, 6).map(Number)
  const [sha256, sealed] = [match[6], match[7]]
  if (from === undefined || to === undefined || fromTime === undefined || toTime === undefined || db === undefined)
    return undefined
  if (sha256 === undefined || (sealed !== 'zst' && sealed !== 'zst.age') || to <= from) return undefined
  return { from, to, fromTime, toTime, db, sha256, sealed }
}

function showOffset(offset: number): string {
  return String(offset).padStart(OFFSET_DIGITS, '0')
}

export function showEpoch(epoch: number): string {
  return String(epoch).padStart(EPOCH_DIGITS, '0')
}

/** The keys of one deployment's archive. */
export function keysOf(deployment: string): DeploymentKeys {
  const root = encodeName(deployment)
  return {
    root,
    archive: `${root}/archive.json`,
    leases: `${root}/lease/`,
    lease: (epoch) => `${root}/lease/${showEpoch(epoch)}.json`,
    alive: (epoch) => `${root}/lease/${showEpoch(epoch)}.alive`,
    points: `${root}/points/`,
    point: (at, name) => `${root}/points/${showKeyTime(at)}-${encodeName(name)}.json`,
    checks: `${root}/checked/`,
    check: (base, at, kind) => `${root}/checked/${base}/${showKeyTime(at)}-${kind}.json`,
    shards: `${root}/shards/`,
    timeline: (shard, timeline) => timelineKeys(`${root}/shards/${encodeName(shard)}/${timeline}`),
  }
}

export interface DeploymentKeys {
  readonly root: string
  readonly archive: string
  readonly leases: string
  lease(epoch: number): string
  alive(epoch: number): string
  readonly points: string
  point(at: number, name: string): string
  readonly checks: string
  check(base: string, at: number, kind: 'verified' | 'proven'): string
  readonly shards: string
  timeline(shard: string, timeline: string): TimelineKeys
}

export interface TimelineKeys {
  readonly root: string
  readonly timeline: string
  readonly bases: string
  base(base: string, part: string): string
  readonly stream: string
  segment(segment: SegmentName): string
  readonly replids: string
  replid(offset: number, replid: string): string
  readonly gaps: string
  gap(from: number, to: number): string
  pruned(offset: number): string
}

function timelineKeys(root: string): TimelineKeys {
  return {
    root,
    timeline: `${root}/timeline.json`,
    bases: `${root}/bases/`,
    base: (base, part) => `${root}/bases/${base}/${part}`,
    stream: `${root}/stream/`,
    segment: (segment) => `${root}/stream/${showSegmentName(segment)}`,
    replids: `${root}/replids/`,
    replid: (offset, replid) => `${root}/replids/${showOffset(offset)}-${replid}.json`,
    gaps: `${root}/gaps/`,
    gap: (from, to) => `${root}/gaps/${showOffset(from)}-${showOffset(to)}.json`,
    pruned: (offset) => `${root}/pruned/${showOffset(offset)}.json`,
  }
}
