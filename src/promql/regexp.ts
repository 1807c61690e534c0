// Regular expressions of PromQL are RE2's and always match the whole text; JavaScript's differ in a few marks of syntax,
// which are translated here. What only one of the two has (look-around, back references) is refused, since RE2 refuses it.
//
// The price: JavaScript's take exponential time for patterns like (a+)+$, RE2's never. Patterns come from people who may
// configure us, and label values are short.

const NOT_IN_RE2 = /\(\?(?:[=!]|<[=!])|\\[1-9]|\\k</

/** A JavaScript RegExp for RE2's syntax, or the reason why there is none; `anywhere` is for templates, matchers match the whole. */
export function compileRegexp(pattern: string, where: 'whole' | 'anywhere' = 'whole'): RegExp | string {
  if (NOT_IN_RE2.test(pattern.replaceAll('\\\\', ''))) return 'invalid or unsupported Perl syntax'
  try {
    if (where === 'anywhere') return new RegExp(new Translation(pattern).toSource(), 'gu')
    // `s`: a dot matches a newline too, as in Prometheus 3.
    return new RegExp(`^(?:${new Translation(pattern).toSource()})$`, 'us')
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    return message.slice(message.lastIndexOf(': ') + 1).trim()
  }
}

const CLASSES: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
}
// Escapes of RE2 that JavaScript's `u` mode does not know or knows otherwise.
const ESCAPES: Readonly<Record<string, string>> = {
  A: '^',
  z: '$',
  a: '\\x07',
  s: '[\\t\\n\\f\\r ]',
  S: '[^\\t\\n\\f\\r ]',
}
const KEPT_ESCAPE = /[dDwWbBnrtfv0xpPu\\^$.*+?()[\]{}|/]/
const REPETITION = /^\{\d+(?:,\d*)?\}/

class Translation {
  private readonly pattern: string
  private at = 0
  private source = ''
  private readonly open: string[][] = [[]] // by depth of groups: flags set within the group, like `(?i)`

  constructor(pattern: string) {
    this.pattern = pattern
  }

  toSource(): string {
    while (this.at < this.pattern.length) this.translateNext()
    if (this.open.length > 1) throw new Error('missing closing )')
    return this.source + this.endFlags()
  }

  private get rest(): string {
    return this.pattern.slice(this.at)
  }

  private take(length: number, text: string): void {
    this.at += length
    this.source += text
  }

  private translateNext(): void {
    const character = this.pattern[this.at] as string
    if (character === '\\') this.translateEscape(false)
    else if (character === '[') this.translateClass()
    else if (character === '(') this.translateGroup()
    else if (character === ')') this.closeGroup()
    else if (character === '|') this.take(1, `${this.endFlags()}|${this.beginFlags()}`)
    else if (character === '{') this.translateBrace()
    else this.take(1, character === '}' || character === ']' ? `\\${character}` : character)
  }

  /** A brace that begins no repetition stands for itself. */
  private translateBrace(): void {
    const found = REPETITION.exec(this.rest)?.[0]
    this.take(found?.length ?? 1, found ?? '\\{')
  }

  /** `(?i)` holds to the end of its group, over alternatives; JavaScript has flags only on a group of their own. */
  private translateGroup(): void {
    const flags = /^\(\?([a-zA-Z-]+)\)/.exec(this.rest)
    if (flags !== null) {
      this.open.at(-1)?.push(flags[1] ?? '')
      return this.take(flags[0].length, `(?${flags[1]}:`)
    }
    const opening = /^\((?:\?(?:P?<\w+>|[a-zA-Z-]*:))?/.exec(this.rest)?.[0] ?? '('
    this.open.push([])
    this.take(opening.length, opening.replace('?P<', '?<'))
  }

  private closeGroup(): void {
    if (this.open.length === 1) throw new Error('unexpected )')
    const end = this.endFlags()
    this.open.pop()
    this.take(1, `${end})`)
  }

  private beginFlags(): string {
    return (this.open.at(-1) ?? []).map((flags) => `(?${flags}:`).join('')
  }

  private endFlags(): string {
    return ')'.repeat(this.open.at(-1)?.length ?? 0)
  }

  private translateEscape(inClass: boolean): void {
    const next = this.pattern[this.at + 1] ?? ''
    if (next === '') throw new Error('trailing backslash at end of expression')
    const literal = /^\\Q([^]*?)(?:\\E|$)/.exec(this.rest)
    const braced = /^\\x\{([0-9a-fA-F]+)\}/.exec(this.rest)
    const property = /^\\([pP])([A-Z])/.exec(this.rest)
    const known = ESCAPES[next]
    if (literal !== null) this.take(literal[0].length, (literal[1] ?? '').replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
    else if (braced !== null) this.take(braced[0].length, `\\u{${braced[1]}}`)
    else if (property !== null) this.take(3, `\\${property[1]}{${property[2]}}`)
    else if (inClass && next === 's') this.take(2, '\\t\\n\\f\\r ')
    else if (!inClass && known !== undefined) this.take(2, known)
    // RE2 takes any punctuation after a backslash as itself; a letter that it does not know it refuses, and so do we.
    else if (KEPT_ESCAPE.test(next) || /\w/.test(next) || (inClass && next === '-')) this.take(2, `\\${next}`)
    else this.take(2, next)
  }

  private translateClass(): void {
    // A bracket that closes right after the opening one stands for itself.
    const opening = /^\[\^?\]?/.exec(this.rest)?.[0] ?? '['
    this.take(opening.length, opening.length > 1 ? opening.replace(/\]$/, '\\]') : opening)
    while (this.at < this.pattern.length && this.pattern[this.at] !== ']') {
      const named = /^\[:([a-z]+):\]/.exec(this.rest)
      const character = this.pattern[this.at] as string
      if (character === '\\') this.translateEscape(true)
      else if (named !== null) this.take(named[0].length, CLASSES[named[1] ?? ''] ?? '\\p{unknown}')
      else this.take(1, /[[(){}|/]/.test(character) ? `\\${character}` : character)
    }
    if (this.at >= this.pattern.length) throw new Error('missing closing ]')
    this.take(1, ']')
  }
}
