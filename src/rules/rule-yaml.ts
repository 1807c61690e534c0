// YAML read the strict way that Prometheus reads it: each value of the kind that its place asks for, no unknown field, no
// field twice, and every complaint with its line and column. Of several documents in a file the first counts.

import { Alias, isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml'
import type { Document, Node, Pair, YAMLMap } from 'yaml'
import { parseDurationMs } from '../promql/literals.ts'
import type { Position } from './rule-file.ts'

type Note = (at: Position, says: string) => void

/** The file's mapping, or undefined when there is none; what is wrong with the YAML itself is noted. */
export function parseYaml(text: string, note: Note): { root: YamlMap | undefined; documents: number } {
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error', merge: true })
  const documents = Array.isArray(parsed) ? (parsed as Document.Parsed[]) : []
  const [first] = documents
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  if (first === undefined) return { root: undefined, documents: 0 }
  for (const { message, pos, code } of first.errors)
    note(positionOf(pos[0]), code === 'DUPLICATE_KEY' ? 'mapping key already defined' : `yaml: ${message}`)
  const node = first.contents
  if (first.errors.length > 0 || node === null || (isScalar(node) && node.value === null))
    return { root: undefined, documents: documents.length }
  if (!isMap(node)) {
    note(positionOf(startOf(node)), `cannot unmarshal ${tagOf(node)} into rulefmt.RuleGroups`)
    return { root: undefined, documents: documents.length }
  }
  return { root: new YamlMap(node, { document: first, positionOf, note }), documents: documents.length }
}

interface Reading {
  readonly document: Document
  positionOf(offset: number): Position
  note: Note
}

export class YamlMap {
  readonly at: Position
  private readonly map: YAMLMap
  private readonly reading: Reading

  constructor(map: YAMLMap, reading: Reading) {
    this.map = map
    this.reading = reading
    this.at = reading.positionOf(startOf(map))
  }

  expectKeys(known: readonly string[], type: string): void {
    for (const { key } of this.pairs()) {
      const name = keyText(key)
      if (!known.includes(name)) this.note(key, `field ${name} not found in type ${type}`)
    }
  }

  /** Where the value of a key is: `labels.severity` is one level down; the mapping itself where there is no such key. */
  positionOf(path: string): Position {
    const [key = '', ...rest] = path.split('.')
    const value = this.valueOf(key)
    if (value === undefined) return this.at
    const inner =
      rest.length > 0 && isMap(value) ? new YamlMap(value, this.reading).positionOf(rest.join('.')) : undefined
    return inner ?? this.reading.positionOf(startOf(value))
  }

  /** A scalar of any kind as it is written: `expr: 1` is the text `1`. */
  text(key: string): string | undefined {
    const value = this.valueOf(key)
    return value === undefined ? undefined : this.textOf(value)
  }

  texts(key: string): Record<string, string> {
    const value = this.valueOf(key)
    if (value === undefined || isNull(value)) return {}
    if (!isMap(value)) {
      this.note(value, `cannot unmarshal ${tagOf(value)} into map[string]string`)
      return {}
    }
    const inner = new YamlMap(value, this.reading)
    return Object.fromEntries(
      inner
        .pairs()
        .map((pair) => [keyText(pair.key), isNode(pair.value) ? (this.textOf(this.resolve(pair.value)) ?? '') : '']),
    )
  }

  durationMs(key: string): number | undefined {
    const text = this.text(key)
    if (text === undefined || text === '') {
      if (text === '' && !isNull(this.valueOf(key))) this.note(this.valueOf(key), 'empty duration string')
      return undefined
    }
    const ms = parseDurationMs(text)
    if (ms === undefined) this.note(this.valueOf(key), `not a valid duration string: ${JSON.stringify(text)}`)
    return ms
  }

  whole(key: string): number | undefined {
    const text = this.text(key)
    if (text === undefined || text === '') return undefined
    const value = this.valueOf(key)
    if (!isScalar(value) || typeof value.value !== 'number')
      this.note(this.valueOf(key), `cannot unmarshal ${tagOf(this.valueOf(key))} \`${text}\` into int`)
    return Math.trunc(Number(text)) || 0 // as Go does
  }

  number(key: string): number | undefined {
    const text = this.text(key)?.replace(/^([+-]?)\.(inf|nan)$/i, '$1$2')
    if (text === undefined || text === '') return undefined
    if (/^[+-]?inf$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity
    if (/^nan$/i.test(text)) return NaN
    const value = Number(text)
    if (Number.isNaN(value))
      this.note(this.valueOf(key), `cannot unmarshal ${tagOf(this.valueOf(key))} \`${text}\` into float64`)
    return value
  }

  flag(key: string): boolean {
    const text = this.text(key)
    if (text !== undefined && !/^(?:true|false|)$/i.test(text))
      this.note(this.valueOf(key), `cannot unmarshal ${JSON.stringify(text)} into bool`)
    return text?.toLowerCase() === 'true'
  }

  /** The mappings of a list. */
  list(key: string): YamlMap[] {
    return this.entries(key).flatMap((node) => {
      if (isMap(node)) return [new YamlMap(node, this.reading)]
      this.note(node, `cannot unmarshal ${tagOf(node)} into a mapping`)
      return []
    })
  }

  textList(key: string): string[] {
    return this.entries(key).map((node) => this.textOf(node) ?? '')
  }

  /** A mistake that only the reader of this key can see. */
  complain(key: string, says: string): void {
    this.note(this.valueOf(key), says)
  }

  private entries(key: string): unknown[] {
    const value = this.valueOf(key)
    if (value === undefined || isNull(value)) return []
    // Go drops what is empty in a list.
    if (isSeq(value)) return value.items.map((item) => this.resolve(item)).filter((item) => !isNull(item))
    this.note(value, `cannot unmarshal ${tagOf(value)} into a list`)
    return []
  }

  private textOf(node: unknown): string | undefined {
    if (isScalar(node)) {
      if (node.value === null) return ''
      return typeof node.value === 'string' ? node.value : (node.source ?? JSON.stringify(node.value))
    }
    this.note(node, `cannot unmarshal ${tagOf(node)} into string`)
    return undefined
  }

  /** Pairs of the mapping, and of those that it merges in with `<<`. */
  private pairs(): Pair[] {
    const own = this.map.items.filter((item): item is Pair => isPair(item))
    const merged = own
      .filter(({ key }) => keyText(key) === '<<')
      .flatMap(({ value }) => {
        const from = this.resolve(value)
        const maps = isSeq(from) ? from.items.map((item) => this.resolve(item)) : [from]
        return maps.flatMap((map) => (isMap(map) ? new YamlMap(map, this.reading).pairs() : []))
      })
    const rest = own.filter(({ key }) => keyText(key) !== '<<')
    const names = new Set(rest.map(({ key }) => keyText(key)))
    return [...rest, ...merged.filter(({ key }) => !names.has(keyText(key)))]
  }

  private valueOf(key: string): unknown {
    const pair = this.pairs().find((each) => keyText(each.key) === key)
    return pair === undefined ? undefined : (this.resolve(pair.value) ?? undefined)
  }

  private resolve(node: unknown): unknown {
    return node instanceof Alias ? node.resolve(this.reading.document) : node
  }

  private note(node: unknown, says: string): void {
    this.reading.note(isNode(node) ? this.reading.positionOf(startOf(node)) : this.at, says)
  }
}

function isNull(node: unknown): boolean {
  return isScalar(node) && node.value === null
}

function keyText(key: unknown): string {
  if (!isScalar(key)) return ''
  return typeof key.value === 'string' ? key.value : (key.source ?? JSON.stringify(key.value))
}

function startOf(node: unknown): number {
  return isNode(node) ? ((node as Node).range?.[0] ?? 0) : 0
}

function tagOf(node: unknown): string {
  if (isMap(node)) return '!!map'
  if (isSeq(node)) return '!!seq'
  const value = isScalar(node) ? node.value : undefined
  if (typeof value === 'number') return Number.isInteger(value) ? '!!int' : '!!float'
  return typeof value === 'boolean' ? '!!bool' : '!!str'
}
