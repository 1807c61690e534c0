// The test files of other readers of RDBs, where there are any on this machine: each must be understood (or refused, when its
// name says that it is broken), the same in pieces as in one, every value must be decodable, and where a known answer lies
// beside it, it must be ours. Nothing of them is in this repository. RDB_SUITES names a folder with copies of:
//
//   redis/librdb test/dumps · HDT3213/rdb cases · sripathikrishnan/redis-rdb-tools tests/dumps · redis/redis and
//   valkey-io/valkey tests/assets
//
//   RDB_SUITES=/path npm test -- rdb-suites

import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, it } from 'node:test'
import { decodeValue } from '../src/rdb/decode-value.ts'
import { RdbScanner, type RdbOutcome } from '../src/rdb/scanner.ts'
import { streamIdText, type RdbValue } from '../src/rdb/values.ts'

const FOLDER = process.env['RDB_SUITES'] ?? ''
const BROKEN = /corrupt|invalid|future|unknown-types|invalid_chksum/

type Plain = Record<string, unknown>

interface Read {
  readonly databases: Map<number, Plain>
  readonly outcome: RdbOutcome
  readonly undecoded: readonly string[]
}

function read(bytes: Buffer, pieceBytes: number): Read {
  const databases = new Map<number, Plain>()
  const undecoded: string[] = []
  const parts: Buffer[] = []
  const scanner = new RdbScanner({
    wants: () => true,
    value: (part) => parts.push(Buffer.from(part)),
    entry({ db, key, type, templates }) {
      const value = decodeValue({ type, value: Buffer.concat(parts.splice(0)), templates })
      const database = databases.get(db) ?? {}
      databases.set(db, database)
      if (value === undefined) undecoded.push(key.toString())
      else database[key.toString()] = plain(value)
    },
  })
  for (let at = 0; at < bytes.length; at += pieceBytes) scanner.push(bytes.subarray(at, at + pieceBytes))
  return { databases, outcome: scanner.finish(), undecoded }
}

const text = (bytes: Buffer): string => bytes.toString()

function plain(value: RdbValue): unknown {
  switch (value.kind) {
    case 'string':
      return text(value.value)
    case 'list':
      return value.elements.map(text)
    case 'set':
      return value.members.map(text).toSorted()
    case 'zset':
      return Object.fromEntries(value.members.map(({ member, score }) => [text(member), score === 0 ? 0 : score])) // their answers have no -0
    case 'hash':
      return Object.fromEntries(value.fields.map(({ field, value }) => [text(field), text(value)]))
    case 'stream':
      return value.entries.map(({ id, fields }) => [
        streamIdText(id),
        Object.fromEntries(fields.map(([field, value]): [string, string] => [text(field), text(value)])),
      ])
    case 'array':
      return value.elements.map(({ index, value }) => [Number(index), text(value)])
    case 'rate limit':
      return Number(value.arrivalUs)
  }
}

const score = (word: unknown): number => {
  const name = String(word)
  return name.endsWith('inf') ? (name.startsWith('-') ? -Infinity : Infinity) : Number(name)
}

/** librdb's answer: an object for each database, without the braces of the outermost. */
function ofLibrdb(json: string): Plain[] {
  const trimmed = json.trim()
  const all = JSON.parse(trimmed.startsWith('[') ? trimmed : `[{${trimmed}}]`) as Plain[]
  return all.map((database) => Object.fromEntries(Object.entries(database).filter(([name]) => !name.startsWith('__'))))
}

/** HDT3213/rdb's answer: a list of entries. */
function ofHdt(json: string): Plain[] {
  const all: Plain[] = []
  for (const entry of JSON.parse(json) as Plain[]) {
    if (entry['type'] === 'aux' || entry['type'] === 'functions' || entry['type'] === 'dbsize') continue
    const database = (all[Number(entry['db'])] ??= {})
    database[String(entry['key'])] = entry
  }
  return all.filter((database) => database !== undefined)
}

/** Both in one form: what a known answer says of a key, in the words of ours. */
function known(answer: unknown, ours: unknown): unknown {
  const entry = answer as Plain
  if (entry['type'] === 'zset') {
    const members = (entry['entries'] ?? []) as { member: string; score: number }[]
    return Object.fromEntries(members.map(({ member, score: of }) => [member, of]))
  }
  if (entry['type'] === 'stream') {
    const nodes = (entry['entries'] ?? []) as { msgs: { id: string; fields: Plain; deleted: boolean }[] }[]
    return nodes.flatMap(({ msgs }) => msgs.filter(({ deleted }) => !deleted).map(({ id, fields }) => [id, fields]))
  }
  if (entry['type'] === 'set') return (entry['members'] as string[]).toSorted()
  if (typeof entry['encoding'] === 'string') return entry['value'] ?? entry['values'] ?? entry['hash']
  if (Array.isArray(answer)) return isSorted(ours) ? (answer as string[]).toSorted() : answer
  const items = entry['entries']
  if (Array.isArray(items))
    return (items as { id: string; items: Plain }[]).map(({ id, items: fields }) => [id, fields])
  const isZset = typeof ours === 'object' && Object.values(ours ?? {}).some((value) => typeof value === 'number')
  return isZset ? Object.fromEntries(Object.entries(entry).map(([member, word]) => [member, score(word)])) : answer
}

const isSorted = (ours: unknown): boolean =>
  Array.isArray(ours) && JSON.stringify(ours) === JSON.stringify((ours as string[]).toSorted())

function answerFor(file: string): Plain[] | undefined {
  const stem = file.slice(0, -'.rdb'.length)
  const unversioned = stem.replace(/_v\d+$/, '')
  const path = [`${stem}_data.json`, `${stem}.json`, `${unversioned}_data.json`].find((name) => existsSync(name))
  if (path === undefined) return undefined
  const json = readFileSync(path, 'utf8')
  return /^\s*\[\s*\{"db":/.test(json) || json.trim() === '[]' ? ofHdt(json) : ofLibrdb(json)
}

describe('test files of other readers', () => {
  if (FOLDER === '') it('are understood', { skip: 'RDB_SUITES names no folder with them' })
  const files = FOLDER === '' ? [] : globSync(join(FOLDER, '**/*.rdb')).toSorted()
  for (const file of files)
    it(file.slice(FOLDER.length + 1), () => {
      const bytes = readFileSync(file)
      if (BROKEN.test(basename(file))) {
        assert.doesNotThrow(() => new RdbScanner({}).push(bytes))
        return
      }
      const { databases, outcome, undecoded } = read(bytes, bytes.length)
      assert.equal(outcome.problem, undefined)
      assert.equal(outcome.complete, true)
      assert.notEqual(outcome.checksum, 'bad')
      for (const size of [1, 7, 100]) assert.deepEqual(read(bytes, size), { databases, outcome, undecoded })
      const answer = answerFor(file)
      if (answer === undefined || undecoded.length > 0) return
      const ours = [...databases].toSorted(([a], [b]) => a - b).map(([, database]) => database)
      assert.equal(ours.length, answer.length)
      for (const [at, database] of ours.entries()) {
        const theirs: Plain = answer[at] ?? {}
        assert.deepEqual(Object.keys(database).toSorted(), Object.keys(theirs).toSorted())
        for (const [key, value] of Object.entries(database)) assert.deepEqual(value, known(theirs[key], value), key)
      }
    })
})
