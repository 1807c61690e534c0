// What is wrong in a configuration file, for the person who wrote it: the line and column of every mistake, what it is,
// and what to write instead. All mistakes come at once, because one at a time is a guessing game.

import { isMap, isNode, isScalar, LineCounter, parseDocument, visit, type Document, type Node } from 'yaml'
import type { z } from 'zod'
import { configJsonSchema } from './config-schema.ts'
import { Fault, reasonOf } from './lib/fault.ts'
import { nearest } from './lib/nearest.ts'

type Path = readonly PropertyKey[]

export interface Mistake {
  readonly path: Path
  readonly says: string // a clause: `"replica" is not known here`
  readonly hint?: string | undefined // what to write instead
  readonly onKey?: boolean | undefined // the key is the mistake, not its value
}

export interface ConfigText {
  readonly value: unknown
  readonly mistakes: readonly Mistake[] // of the YAML itself
  fault(mistakes: readonly Mistake[]): Fault
}

/** Parses the YAML of a configuration file. */
export function parseConfigText(text: string, file: string): ConfigText {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' })
  const placed = new Map<Mistake, number>()
  const note = (what: string, offset: number): void => {
    const mistake = { path: [], says: `this is not YAML: ${what}` }
    if (![...placed.values()].includes(offset)) placed.set(mistake, offset) // the first of one place says enough
  }
  for (const { message, pos } of [...document.errors, ...document.warnings]) note(message, pos[0])
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) === undefined)
        note(`there is no &${alias.source} before this *${alias.source}`, startOf(alias))
    },
  })
  const value = placed.size > 0 ? undefined : valueOf(document, (why) => note(why, 0))
  const fault = (all: readonly Mistake[]): Fault => {
    const found = all.map((mistake) => {
      const { line, col } = lines.linePos(placed.get(mistake) ?? offsetOf(document, mistake))
      return { ...mistake, line: Math.max(1, line), column: Math.max(1, col) }
    })
    return faultOf(
      file,
      found.toSorted((a, b) => a.line - b.line || a.column - b.column),
    )
  }
  return { value, mistakes: [...placed.keys()], fault }
}

/** The library counts aliases and throws when they would grow beyond all measure. */
function valueOf(document: Document, onError: (why: string) => void): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown
  } catch (error) {
    onError(reasonOf(error))
    return undefined
  }
}

function faultOf(file: string, mistakes: readonly (Mistake & { line: number; column: number })[]): Fault {
  const [first] = mistakes
  const base = { doing: 'reading the configuration', exit: 64, retryable: false } as const
  if (mistakes.length === 1 && first !== undefined)
    return new Fault({ ...base, target: `${file}:${first.line}:${first.column}`, why: first.says, hint: first.hint })
  const each = mistakes.map(
    ({ line, column, says, hint }) => `  ${file}:${line}:${column}: ${says}${hint === undefined ? '' : `. ${hint}`}`,
  )
  return new Fault({ ...base, target: file, why: [`${mistakes.length} mistakes`, ...each].join('\n') })
}

/** Where in the text the mistake is: its own place, or that of the nearest thing around it that is in the file. */
function offsetOf(document: Document, { path, onKey }: Mistake): number {
  let node: unknown = document.contents
  let offset = startOf(node)
  for (const [depth, step] of path.entries()) {
    const last = depth === path.length - 1
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      if (pair === undefined) return offset
      offset = last && onKey !== true && isNode(pair.value) ? startOf(pair.value) : startOf(pair.key)
      node = pair.value
    } else {
      node = document.getIn(path.slice(0, depth + 1), true)
      if (!isNode(node)) return offset
      offset = startOf(node)
    }
  }
  return offset
}

function startOf(node: unknown): number {
  return isNode(node) ? ((node as Node).range?.[0] ?? 0) : 0
}

const SECRET_KEYS = ['password', 'passwd', 'pass', 'requirepass', 'masterauth', 'secret', 'token', 'auth']

/** The schema's complaints in words. */
export function mistakesOfIssues(issues: readonly z.core.$ZodIssue[]): Mistake[] {
  return issues.flatMap((issue): Mistake[] => {
    const { path } = issue
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key))
    if (issue.code === 'invalid_key') return [{ path, says: `"${String(path.at(-1))}" is not host:port`, onKey: true }]
    const name = nameOf(path)
    if (issue.code === 'invalid_type' && issue.input === undefined)
      return [{ path, says: `${name} is missing`, hint: `Add ${name}:` }]
    if (issue.code === 'invalid_type' && KINDS[issue.expected] !== undefined && !OWN_WORDS.test(issue.message))
      return [wrongKind(path, issue.input, issue.expected)]
    if (issue.code === 'invalid_value') return [unknownValue(path, issue)]
    if (issue.code === 'too_small' && issue.origin !== 'string' && issue.origin !== 'array')
      return [{ path, says: `${name} is below ${String(issue.minimum)}` }]
    if (issue.code === 'invalid_format' && !OWN_WORDS.test(issue.message))
      return [{ path, says: `${name} is not ${issue.format === 'url' ? 'a URL' : `an address of ${issue.format}`}` }]
    const [what = '', hint] = issue.message.split('; ')
    return [{ path, says: OWN_WORDS.test(what) ? `${name} ${what}` : `${name}: ${what}`, hint: hint && capital(hint) }]
  })
}

const OWN_WORDS = /^is / // messages of the schema that we wrote are clauses about the key

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a section with keys',
  record: 'a section with keys',
}

function wrongKind(path: Path, input: unknown, expected: string): Mistake {
  const quotes = expected === 'string' && (typeof input === 'number' || typeof input === 'boolean')
  const says = `${nameOf(path)} is ${kindOf(input)} and not ${KINDS[expected]}`
  return { path, says, hint: quotes ? 'Put it in quotes.' : undefined }
}

function kindOf(input: unknown): string {
  if (input === null) return 'empty'
  if (Array.isArray(input)) return 'a list'
  if (typeof input === 'object') return 'a section with keys'
  if (typeof input === 'boolean') return 'true or false'
  return typeof input === 'number' ? (Number.isInteger(input) ? 'a number' : 'a broken number') : 'a text'
}

function unknownKey(path: Path, key: string): Mistake {
  const at = { path: [...path, key], onKey: true }
  const known = keysAt(path)
  const close = nearest(key, [...known, ...SECRET_KEYS])
  if (close !== undefined && SECRET_KEYS.includes(close))
    return {
      ...at,
      says: `a secret may not stand in this file ("${key}")`,
      hint: 'Write it into a file of its own and name that as passwordFile, or set RESPITE_PASSWORD_<NAME> in the environment.',
    }
  const hint = close === undefined ? `Known here: ${known.join(', ')}.` : `Did you mean "${close}"?`
  return { ...at, says: `"${key}" is not known ${path.length === 0 ? 'here' : `in ${nameOf(path)}`}`, hint }
}

function unknownValue(path: Path, issue: z.core.$ZodIssueInvalidValue): Mistake {
  const values = issue.values.map(String)
  const close = nearest(String(issue.input), values)
  const hint = close === undefined ? `Write one of: ${values.join(', ')}.` : `Did you mean "${close}"?`
  return { path, says: `${nameOf(path)} is not one of ${values.join(', ')}`, hint }
}

/** `deployments[0].tls.caFile` is caFile; a list's entry is named by its list. */
function nameOf(path: Path): string {
  const last = path.at(-1)
  if (last === undefined) return 'the file'
  return typeof last === 'number' ? `entry ${last + 1} of ${nameOf(path.slice(0, -1))}` : String(last)
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>
  items?: JsonSchema
  additionalProperties?: JsonSchema | boolean
}

/** The keys that may stand at this place. */
function keysAt(path: Path): string[] {
  let at: JsonSchema | undefined = configJsonSchema()
  for (const step of path) {
    if (typeof step === 'number') at = at?.items
    else at = at?.properties?.[String(step)] ?? (at?.additionalProperties as JsonSchema | undefined)
  }
  return Object.keys(at?.properties ?? {})
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
