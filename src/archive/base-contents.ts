// Counts what is in a base while its bytes go by, in the words of the configured namespaces where there are some: every
// report of a backup says what its loss would mean.

import { Analysis } from '../rdb/analysis.ts'
import type { Entry } from '../rdb/entry.ts'
import { RdbScanner } from '../rdb/scanner.ts'
import { compileGlob, type Matches } from '../redis/glob.ts'
import type { BaseContents, BaseScan } from './base-scan.ts'
import type { NamespaceCount } from './documents.ts'

export interface NamespacePattern {
  readonly name: string
  readonly pattern: string // glob, as in SCAN MATCH
}

export interface ContentsOptions {
  readonly target: string // the server, for a Fault
  readonly namespaces: readonly NamespacePattern[]
  readonly isSealed: boolean // then only names of the configuration may stand in what is not encrypted
}

const MOST_NAMESPACES = 1_000 // in a manifest; all of them are in the sealed part

export function scanContents({ target, namespaces, isSealed }: ContentsOptions): BaseScan {
  const analysis = new Analysis()
  const configured = new ConfiguredNamespaces(namespaces)
  const visitor = {
    header: (...[flavour]: Parameters<Analysis['header']>) => analysis.header(flavour),
    aux: (name: string, value: Buffer) => analysis.aux(name, value),
    library: (code: Buffer) => analysis.library(code),
    entry(entry: Entry) {
      analysis.entry(entry)
      configured.count(entry)
    },
  }
  const scanner = new RdbScanner(namespaces.length === 0 ? analysis : visitor, { target })
  return {
    push: (chunk) => void scanner.push(chunk),
    finish(): BaseContents {
      const { rdbVersion, checksum, complete, problem } = scanner.finish()
      const found = foundNamespaces(analysis)
      const other = { name: '(other)', ...sumOf(found) }
      const named =
        namespaces.length > 0 ? configured.list(other) : isSealed ? [other] : found.slice(0, MOST_NAMESPACES)
      const { keys, expires } = analysis
      const libraries = analysis.libraries.map((code) => code.toString())
      const notDecoded = [...analysis.notDecoded.values()]
      const details = { namespaces: found, biggest: biggestOf(analysis), kinds: Object.fromEntries(analysis.kinds) }
      return {
        rdbVersion,
        checksum,
        complete,
        problem,
        keys,
        expires,
        namespaces: named,
        notDecoded,
        libraries,
        details,
      }
    },
  }
}

class ConfiguredNamespaces {
  readonly #patterns: readonly {
    readonly matches: Matches
    readonly count: { -readonly [Key in keyof NamespaceCount]: NamespaceCount[Key] }
  }[]

  constructor(namespaces: readonly NamespacePattern[]) {
    this.#patterns = namespaces.map(({ name, pattern }) => ({
      matches: compileGlob(pattern),
      count: { name, keys: 0, bytes: 0, withTtl: 0 },
    }))
  }

  /** A key belongs to the first namespace whose pattern it matches. */
  count({ keyIn, keyFrom, keyTo, bytes, expiresAtMs }: Entry): void {
    const of = this.#patterns.find(({ matches }) => matches(keyIn, keyFrom, keyTo))?.count
    if (of === undefined) return
    of.keys += 1
    of.bytes += bytes
    if (expiresAtMs !== undefined) of.withTtl += 1
  }

  /** With what belongs to none, where there is any. */
  list(all: NamespaceCount): NamespaceCount[] {
    const counts = this.#patterns.map(({ count }) => count)
    const named = sumOf(counts)
    const rest = { keys: all.keys - named.keys, bytes: all.bytes - named.bytes, withTtl: all.withTtl - named.withTtl }
    return rest.keys === 0 ? counts : [...counts, { name: all.name, ...rest }]
  }
}

function foundNamespaces(analysis: Analysis): NamespaceCount[] {
  return analysis.namespaces
    .list()
    .map(({ name, keys, bytes, withTtl }) => ({ name: name.toString(), keys, bytes, withTtl }))
}

function sumOf(counts: readonly NamespaceCount[]): Omit<NamespaceCount, 'name'> {
  const sum = { keys: 0, bytes: 0, withTtl: 0 }
  for (const { keys, bytes, withTtl } of counts) {
    sum.keys += keys
    sum.bytes += bytes
    sum.withTtl += withTtl
  }
  return sum
}

function biggestOf(analysis: Analysis): object[] {
  return analysis.biggest.map(({ db, key, kind, bytes, elements }) => ({
    db,
    key: key.toString(),
    type: kind,
    bytes,
    ...(Number.isNaN(elements) ? {} : { elements }),
  }))
}
