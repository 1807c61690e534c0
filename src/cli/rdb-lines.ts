// What `respite rdb` found, for a person: first whether the file is good, then what it holds. Sizes are those in the file.

import type { RdbDocument } from '../api/contract.ts'
import { formatBytes, formatCount, formatDuration, formatWhole } from '../lib/units.ts'
import type { Fault } from '../lib/fault.ts'
import { tableLines } from './table.ts'

const NAMESPACES = 20 // on the screen; --json has them all
const LONGEST_NAME = 60
const END_MARK = 40 // bytes that redis-cli before 7.0 left behind an RDB that it fetched

/** `problem`: what is wrong with the bytes from some place on; then this is what stands before it. */
export function rdbLines(rdb: RdbDocument, nowMs: number, problem?: Fault): string[] {
  const lines = [
    ...(problem === undefined ? verdictLines(rdb) : damageLines(rdb)),
    `  ${[formatBytes(rdb.bytes), ...originOf(rdb, nowMs)].join(' · ')}`,
    `  ${keysLine(rdb)}`,
  ]
  if (rdb.keys > 0) lines.push('', ...databaseLines(rdb), '', ...namespaceLines(rdb), '', ...biggestLines(rdb))
  if (rdb.notDecoded.length > 0) lines.push('', ...moduleLines(rdb))
  return lines
}

function damageLines({ file, analysedBytes, bytes }: RdbDocument): string[] {
  const share = percent(analysedBytes, bytes)
  return [`${file}: DAMAGED OR CUT. What could be read, up to byte ${analysedBytes} (${share} of what is there):`]
}

/** The worst first, each with what now. */
function verdictLines(rdb: RdbDocument): string[] {
  const { file, checksum, unknown, trailingBytes } = rdb
  const lines: string[] = []
  if (checksum === 'bad')
    lines.push(
      `${file}: WRONG CHECKSUM: the bytes changed after they were written`,
      '  → Do not restore from it: a server refuses it, or loads wrong data. Take another backup, and look at the disk.',
    )
  if (unknown !== undefined)
    lines.push(
      `${file}: analysed up to byte ${unknown.offset}: what follows is of type ${unknown.code}, which is not known here`,
      checksum === 'ok'
        ? '  → The file is good by its checksum, and newer than this Respite.'
        : '  → Take a newer Respite.',
    )
  if (lines.length === 0)
    lines.push(`${file}: complete, ${checksum === 'ok' ? 'checksum ok' : 'no checksum in it (rdbchecksum no)'}`)
  if (trailingBytes === END_MARK)
    lines.push('  40 bytes behind its end: the end mark that old redis-cli leaves; harmless')
  else if (trailingBytes > 0)
    lines.push(`  ${trailingBytes} bytes behind its end: an AOF that goes on, or garbage; not looked at`)
  return lines
}

function originOf({ rdbVersion, flavour, serverVersion, aux }: RdbDocument, nowMs: number): string[] {
  const server = `${flavour === 'valkey' ? 'Valkey' : 'Redis'}${serverVersion === undefined ? '' : ` ${serverVersion}`}`
  const seconds = Number(aux['ctime'])
  const saved = new Date(seconds * 1000)
  if (aux['ctime'] === undefined || Number.isNaN(saved.getTime())) return [`RDB ${rdbVersion} of ${server}`]
  const age = formatDuration(nowMs - saved.getTime())
  return [
    `RDB ${rdbVersion} of ${server}`,
    `saved ${saved.toISOString().slice(0, 19).replace('T', ' ')} UTC, ${age} ago`,
  ]
}

const TTL_WORDS: Readonly<Record<keyof RdbDocument['ttls'], string>> = {
  expired: 'before the snapshot',
  hour: 'within an hour',
  day: 'within a day',
  week: 'within a week',
  month: 'within 30 days',
  later: 'later',
}

function keysLine({ keys, expires, ttls, libraries }: RdbDocument): string {
  const functions = libraries === 0 ? '' : `, ${libraries} ${libraries === 1 ? 'library' : 'libraries'} of functions`
  if (keys === 0) return `no keys${functions}`
  const when = (Object.keys(TTL_WORDS) as (keyof typeof TTL_WORDS)[])
    .filter((limit) => ttls[limit] > 0)
    .map((limit) => `${formatCount(ttls[limit])} ${TTL_WORDS[limit]}`)
  const expiring = expires === 0 ? 'none expires' : `${formatCount(expires)} expire (${when.join(', ')})`
  return `${formatWhole(keys)} ${keys === 1 ? 'key' : 'keys'}${functions}, ${expiring}`
}

function databaseLines({ databases, types }: RdbDocument): string[] {
  const rows = databases.map(({ db, keys, expires }) => [String(db), formatCount(keys), formatCount(expires)])
  const kinds = types.map(({ type, keys, bytes }) => [type, formatCount(keys), formatBytes(bytes)])
  return [...tableLines(['DATABASE', 'KEYS', 'EXPIRE'], rows), '', ...tableLines(['TYPE', 'KEYS', 'BYTES'], kinds)]
}

function namespaceLines({ namespaces, analysedBytes }: RdbDocument): string[] {
  const rows = namespaces
    .slice(0, NAMESPACES)
    .map(({ name, nameBase64, keys, bytes, withTtl, types }) => [
      short(name === '' ? '(no separator)' : (name ?? `base64:${nameBase64}`)),
      formatCount(keys),
      formatBytes(bytes),
      percent(bytes, analysedBytes),
      percent(withTtl, keys),
      Object.keys(types).join(' '),
    ])
  const hidden = namespaces.length - rows.length
  const lines = tableLines(['NAMESPACE', 'KEYS', 'BYTES', 'OF FILE', 'WITH TTL', 'TYPES'], rows)
  return hidden > 0 ? [...lines, `… and ${formatWhole(hidden)} smaller ones: --json lists all`] : lines
}

function biggestLines({ biggest }: RdbDocument): string[] {
  const rows = biggest.map(({ db, key, keyBase64, type, bytes, elements }) => [
    short(key ?? `base64:${keyBase64}`),
    String(db),
    type,
    formatBytes(bytes),
    elements === undefined || type === 'module'
      ? '–'
      : type === 'string'
        ? formatBytes(elements)
        : formatCount(elements),
  ])
  return rows.length === 0 ? [] : tableLines(['LARGEST KEYS', 'DB', 'TYPE', 'BYTES', 'ELEMENTS'], rows)
}

function moduleLines({ notDecoded }: RdbDocument): string[] {
  const rows = notDecoded.map(({ name, keys }) => [name, formatCount(keys)])
  return [
    ...tableLines(['MODULE', 'KEYS'], rows),
    'Their values are kept as they are; only a server with the module can read them.',
  ]
}

function short(name: string): string {
  return name.length <= LONGEST_NAME ? name : `${name.slice(0, LONGEST_NAME - 1)}…`
}

function percent(part: number, whole: number): string {
  const share = whole === 0 ? 0 : (part / whole) * 100
  return share > 0 && share < 1 ? '< 1 %' : `${Math.round(share)} %`
}
