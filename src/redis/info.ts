// INFO as its fields. Which fields there are, and in which order, stays the same for days: so what one text has taught
// is kept for the next one of the same server, and reading that is little more than finding the ends of its lines.

import { ownText } from '../lib/own-text.ts'
import { arrayWithRoom } from '../lib/room.ts'
import { NumberReader } from './number-reader.ts'

/** A part of a text, not cut out of it: reading one that was costs more. */
export interface Stretch {
  readonly text: string
  readonly from: number
  readonly to: number
}

export const NO_TEXT: Stretch = { text: '', from: 0, to: 0 }

interface Layout {
  readonly names: readonly string[]
  readonly places: ReadonlyMap<string, number>
}

interface GrowingLayout extends Layout {
  readonly names: string[]
  readonly places: Map<string, number>
}

interface Fields extends Layout {
  readonly text: string
  readonly bounds: readonly number[] // by place: where what the field says begins, and where it ends
}

/** The fields of one text. A name that stands there twice counts once, as it stood first. */
export class Info {
  readonly names: readonly string[] // the same array as in the text before, as long as the fields are the same
  readonly #fields: Fields

  constructor(fields: Fields) {
    this.names = fields.names
    this.#fields = fields
  }

  get(name: string): string | undefined {
    const at = this.#fields.places.get(name)
    return at === undefined ? undefined : this.textAt(at)
  }

  has(name: string): boolean {
    return this.#fields.places.has(name)
  }

  /** Does the field say exactly this? `undefined` is what a field says that is not there. */
  says(name: string, said: string | undefined): boolean {
    const at = this.#fields.places.get(name)
    if (at === undefined || said === undefined) return at === said
    const { text, bounds } = this.#fields
    const from = bounds[2 * at] as number
    return (bounds[2 * at + 1] as number) - from === said.length && text.startsWith(said, from)
  }

  /** What the field at this place of `names` says. */
  textAt(at: number): string {
    const { text, bounds } = this.#fields
    return text.slice(bounds[2 * at], bounds[2 * at + 1])
  }

  /** The same when it is a number in plain digits, which most are; undefined for everything else. */
  digitsAt(at: number): number | undefined {
    const { text, bounds } = this.#fields
    const [from, to] = [bounds[2 * at] as number, bounds[2 * at + 1] as number]
    const value = numbers.read(text, from)
    return numbers.end === to && to > from ? value : undefined
  }

  *[Symbol.iterator](): Generator<[name: string, text: string]> {
    for (const [at, name] of this.names.entries()) yield [name, this.textAt(at)]
  }
}

const numbers = new NumberReader()

/** Parses `field:value` lines; sections and everything that is not of that form are passed over. */
export function parseInfo(text: string): Info {
  return new InfoReader().read(text)
}

/** Reads the texts of one server, one after the other. */
export class InfoReader {
  /** Of the last text the sections that are not read, in the order in which they were named; empty where it lacks one. */
  readonly sections: Stretch[]
  readonly #headers: readonly string[]
  #names: readonly string[] = []
  #places: ReadonlyMap<string, number> = new Map()
  #growing: GrowingLayout | undefined // while the fields are others

  /** `apart`: names of sections whose lines are left to somebody else. */
  constructor(...apart: readonly string[]) {
    this.#headers = apart.map((name) => `# ${name}`)
    this.sections = apart.map(() => NO_TEXT)
  }

  /** They keep the whole text in memory. */
  forgetSections(): void {
    for (let at = 0; at < this.sections.length; at += 1) this.sections[at] = NO_TEXT
  }

  read(text: string): Info {
    this.forgetSections()
    const bounds = arrayWithRoom<number>(2 * this.#names.length)
    let [start, count] = [0, 0]
    while (start < text.length) {
      if (text.charCodeAt(start) === HASH) start = this.#passSection(text, start)
      else {
        const end = lineEnd(text, start)
        const colon = this.#colonOf(text, start, end, count)
        if (colon !== -1) {
          bounds[2 * count] = colon + 1
          bounds[2 * count + 1] = text.charCodeAt(end - 1) === RETURN ? end - 1 : end
          count += 1
        }
        start = end + 1
      }
    }
    if (count < this.#names.length) this.#forget(count)
    this.#settle()
    return new Info({ names: this.#names, places: this.#places, text, bounds })
  }

  /** Where the value of the next field begins, or -1 when the line is none. */
  #colonOf(text: string, start: number, end: number, place: number): number {
    const known = this.#names[place]
    const guess = start + (known?.length ?? 0)
    if (known !== undefined && text.charCodeAt(guess) === COLON && text.startsWith(known, start)) return guess
    const colon = text.indexOf(':', start)
    if (colon <= start || colon >= end) return -1
    const name = ownText(text.slice(start, colon))
    if ((this.#places.get(name) ?? place) < place) return -1 // it stood there before
    const { names, places } = this.#forget(place)
    names.push(name)
    places.set(name, place)
    return colon
  }

  /** From this place on the fields are others. Names that were handed out stay as they are. */
  #forget(place: number): GrowingLayout {
    if (this.#growing === undefined) {
      const names = this.#names.slice(0, place)
      this.#growing = { names, places: new Map(names.map((name, at) => [name, at])) }
      this.#names = names
      this.#places = this.#growing.places
    }
    return this.#growing
  }

  #settle(): void {
    if (this.#growing === undefined) return
    const { names, places } = sharedLayout(this.#growing)
    this.#names = names
    this.#places = places
    this.#growing = undefined
  }

  /** A section's name, and its lines when they are left to somebody else. Answers where the text goes on. */
  #passSection(text: string, start: number): number {
    const lines = lineEnd(text, start) + 1
    const at = this.#headers.findIndex((header) => text.startsWith(header, start))
    if (at === -1) return lines
    const next = text.indexOf('\n#', start)
    const end = next === -1 ? text.length : next + 1
    this.sections[at] = { text, from: lines, to: end }
    return end
  }
}

const layouts = new Map<string, Layout>()
const MOST_LAYOUTS = 256

/** Most servers of a fleet have the same fields in the same order: they share one list of their names. */
function sharedLayout(layout: Layout): Layout {
  const key = layout.names.join('\n')
  const known = layouts.get(key)
  if (known !== undefined) return known
  if (layouts.size >= MOST_LAYOUTS) layouts.clear()
  layouts.set(key, layout)
  return layout
}

const HASH = 35
const COLON = 58
const RETURN = 13

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end === -1 ? text.length : end
}

/** The number in a field, or undefined when it is missing or not a number. */
export function infoNumber(info: Info, field: string): number | undefined {
  const text = info.get(field)
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

/** The parts of a value such as `ip=10.0.0.5,port=6379,state=online`. A value with a comma in it is not expected. */
export function parsePairs(text: string): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (const part of text.split(',')) {
    const equals = part.indexOf('=')
    if (equals > 0) pairs[part.slice(0, equals)] = part.slice(equals + 1)
  }
  return pairs
}
