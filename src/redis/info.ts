// INFO as its fields. Which fields there are, and in which order, stays the same for days: so what one text has taught
// is kept for the next one of the same server, and reading that is little more than finding the ends of its lines.

/** The fields of one text. A name that stands there twice counts once, as it stood first. */
export class Info {
  readonly names: readonly string[] // the same array as in the text before, as long as the fields are the same
  readonly texts: readonly string[] // as many, what the fields say
  readonly #places: ReadonlyMap<string, number>

  constructor(names: readonly string[], texts: readonly string[], places: ReadonlyMap<string, number>) {
    this.names = names
    this.texts = texts
    this.#places = places
  }

  get(name: string): string | undefined {
    return this.texts[this.#places.get(name) ?? -1]
  }

  has(name: string): boolean {
    return this.#places.has(name)
  }

  *[Symbol.iterator](): Generator<[name: string, text: string]> {
    for (const [at, name] of this.names.entries()) yield [name, this.texts[at] ?? '']
  }
}

/** Parses `field:value` lines; sections and everything that is not of that form are passed over. */
export function parseInfo(text: string): Info {
  return new InfoReader().read(text)
}

/** Reads the texts of one server, one after the other. */
export class InfoReader {
  /** Of the last text the sections that are not read, in the order in which they were named; '' for one that it lacks. */
  readonly sections: string[]
  readonly #headers: readonly string[]
  #names: string[] = []
  #places = new Map<string, number>()
  #isShared = false // an Info was made of the two

  /** `apart`: names of sections whose lines are left to somebody else. */
  constructor(...apart: readonly string[]) {
    this.#headers = apart.map((name) => `# ${name}`)
    this.sections = apart.map(() => '')
  }

  read(text: string): Info {
    this.sections.fill('')
    const texts: string[] = []
    let start = 0
    while (start < text.length) {
      if (text.charCodeAt(start) === HASH) start = this.#passSection(text, start)
      else {
        const end = lineEnd(text, start)
        const colon = this.#colonOf(text, start, end, texts.length)
        if (colon !== -1) texts.push(text.slice(colon + 1, text.charCodeAt(end - 1) === RETURN ? end - 1 : end))
        start = end + 1
      }
    }
    if (texts.length < this.#names.length) this.#forget(texts.length)
    this.#isShared = true
    return new Info(this.#names, texts, this.#places)
  }

  /** Where the value of the next field begins, or -1 when the line is none. */
  #colonOf(text: string, start: number, end: number, place: number): number {
    const known = this.#names[place]
    const guess = start + (known?.length ?? 0)
    if (known !== undefined && text.charCodeAt(guess) === COLON && text.startsWith(known, start)) return guess
    const colon = text.indexOf(':', start)
    if (colon <= start || colon >= end) return -1
    const name = copyOf(text.slice(start, colon))
    if ((this.#places.get(name) ?? place) < place) return -1 // it stood there before
    this.#forget(place)
    this.#names.push(name)
    this.#places.set(name, place)
    return colon
  }

  /** From this place on the fields are others. Names that were handed out stay as they are. */
  #forget(place: number): void {
    if (!this.#isShared) return
    this.#names = this.#names.slice(0, place)
    this.#places = new Map(this.#names.map((name, at) => [name, at]))
    this.#isShared = false
  }

  /** A section's name, and its lines when they are left to somebody else. Answers where the text goes on. */
  #passSection(text: string, start: number): number {
    const lines = lineEnd(text, start) + 1
    const at = this.#headers.findIndex((header) => text.startsWith(header, start))
    if (at === -1) return lines
    const next = text.indexOf('\n#', start)
    const end = next === -1 ? text.length : next + 1
    this.sections[at] = text.slice(lines, end)
    return end
  }
}

const HASH = 35
const COLON = 58
const RETURN = 13

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end === -1 ? text.length : end
}

// A piece of a text keeps all of it in memory, and the names are kept for as long as their server is watched.
function copyOf(text: string): string {
  return Buffer.from(text).toString()
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
