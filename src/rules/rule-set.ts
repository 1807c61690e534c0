// Which rule files are in force: what we ship (`builtin`), the documents' rules byte for byte (`documents`), and the
// operator's own, by path or glob. A later file's alert takes the place of a shipped one of the same name, so that
// nobody is told twice of one thing.

import { hash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Fault } from '../lib/fault.ts'
import { faultOfMistakes, readRuleFile, type RuleGroup } from './rule-file.ts'

const SHIPPED: Readonly<Record<string, string>> = {
  builtin: fileURLToPath(new URL('../../rules/redis.yml', import.meta.url)),
  documents: fileURLToPath(new URL('../../rules/documents.yml', import.meta.url)),
}

export interface RuleSet {
  readonly files: readonly string[] // that were read, so that a change of one can be noticed
  readonly groups: readonly RuleGroup[]
  readonly digest: string // the same for the same rules; a parsed expression cannot be compared
}

export const BUILTIN_ONLY: readonly string[] = ['builtin']

/** Reads all files of the patterns; relative ones are in `folder`. Throws one Fault with every mistake of all files. */
export function readRuleSet(patterns: readonly string[], folder: string): RuleSet {
  const files = [...new Set(patterns.flatMap((pattern) => filesOf(pattern, folder)))]
  const read = files.map(readRuleFile)
  const fault = faultOfMistakes(read.flatMap(({ mistakes }) => mistakes))
  if (fault !== undefined) throw fault
  const digest = hash('sha256', JSON.stringify(files.map((file) => [file, readFileSync(file, 'utf8')])))
  return { files, digest, groups: withoutReplaced(read.flatMap(({ groups }) => groups)) }
}

function filesOf(pattern: string, folder: string): string[] {
  const shipped = SHIPPED[pattern]
  if (shipped !== undefined) return [shipped]
  const found = globSync(resolve(folder, pattern)).toSorted()
  if (found.length > 0) return found
  throw new Fault({
    doing: 'reading rules',
    target: pattern,
    why: 'no file has this name or fits this pattern',
    hint: 'Write builtin, documents, a path or a glob; a relative one starts at the folder of the configuration.',
    retryable: false,
  })
}

function withoutReplaced(groups: readonly RuleGroup[]): RuleGroup[] {
  const builtin = SHIPPED['builtin']
  const others = groups.filter(({ file }) => file !== builtin)
  const replaced = new Set(
    others.flatMap(({ rules }) => rules.filter(({ kind }) => kind === 'alert').map(({ name }) => name)),
  )
  return groups.map((group) =>
    group.file === builtin ? { ...group, rules: group.rules.filter(({ name }) => !replaced.has(name)) } : group,
  )
}
