// The words of a PromQL expression. What a character means depends on where it stands: within braces there are labels and
// no keywords, within brackets a colon separates range and step, elsewhere it belongs to a name. A character that fits
// nowhere ends the list with an error, which the parser reports only when it gets that far.

import { readNumberOrDuration } from './literals.ts'

export type TokenKind =
  | 'identifier'
  | 'metric identifier'
  | 'keyword'
  | 'aggregator'
  | 'operator'
  | 'punctuation'
  | 'number'
  | 'duration'
  | 'string'
  | 'end'
  | 'error'

export interface Token {
  readonly kind: TokenKind
  readonly text: string // keywords and aggregators in lower case; of an error the message
  readonly raw: string // as written
  readonly start: number
  readonly end: number
}

const WORD_OPERATORS = new Set(['and', 'or', 'unless', 'atan2'])
const AGGREGATORS: ReadonlySet<string> = new Set(
  'sum avg count min max group stddev stdvar topk bottomk count_values quantile limitk limit_ratio'.split(' '),
)
const KEYWORDS = new Set(
  (
    'offset smoothed anchored by without on ignoring group_left group_right fill fill_left fill_right bool ' +
    'start end step range max_of min_of'
  ).split(' '),
)
const OPERATORS = ['==', '!=', '<=', '>=', '</', '>/', '<', '>', '+', '-', '*', '/', '%', '^', '@']
const PUNCTUATION = '(){}[],='

const SPACE = /[ \t\n\r]+/y
const COMMENT = /#[^\n]*/y
const WORD = /[A-Za-z_:][A-Za-z0-9_:]*/y
const LABEL = /[A-Za-z_][A-Za-z0-9_]*/y
const QUOTED = /"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'|`[^`]*`/y

/** All tokens of the text; the last is `end` or `error`. */
export function tokenize(text: string): Token[] {
  const scanner = new Scanner(text)
  while (!scanner.done) scanner.scan()
  return scanner.tokens
}

/** A token as messages name it: `identifier "up"`, `<op:*>`, `<aggr:sum>`, `")"`, `end of input`. */
export function describe(token: Token): string {
  switch (token.kind) {
    case 'end':
      return 'end of input'
    case 'operator':
      return `<op:${token.raw}>`
    case 'aggregator':
      return `<aggr:${token.raw}>`
    case 'keyword':
      return `<${token.raw}>`
    case 'punctuation':
      return quote(token.raw)
    case 'identifier':
    case 'metric identifier':
      return `${token.kind} ${quote(token.raw)}`
    case 'number':
    case 'duration':
    case 'string':
      return `${token.kind} ${token.raw.length > 10 ? `${quote(token.raw.slice(0, 10))}...` : quote(token.raw)}`
    case 'error':
      return token.text
  }
}

/** Text in double quotes, as Go's %q writes it. */
export function quote(text: string): string {
  return JSON.stringify(text)
}

function quoteCharacter(character: string): string {
  const marks: Record<string, string> = { "'": "\\'", '\n': '\\n', '\t': '\\t', '\\': '\\\\' }
  return `'${marks[character] ?? character}'`
}

class Scanner {
  readonly tokens: Token[] = []
  done = false
  private readonly text: string
  private at = 0
  private parens = 0
  private inBraces = false
  private inBrackets = false
  private hadColon = false

  constructor(text: string) {
    this.text = text
  }

  scan(): void {
    if (this.skip(SPACE) || this.skip(COMMENT)) return
    const character = this.text[this.at]
    if (character === undefined) this.finish()
    else if (this.inBraces) this.scanInBraces(character)
    else if (this.isNumberAhead(character)) this.scanNumber()
    else if (/["'`]/.test(character)) this.scanString(character)
    else if (this.inBrackets && /[A-Za-z_:]/.test(character)) this.scanInBrackets(character)
    else if (/[A-Za-z_:]/.test(character)) this.scanWord()
    else this.scanSign(character)
  }

  private finish(): void {
    if (this.inBraces) this.fail('unexpected end of input inside braces')
    else if (this.inBrackets) this.fail('unclosed left bracket')
    else if (this.parens !== 0) this.fail('unclosed left parenthesis')
    else this.add('end', this.at)
    this.done = true
  }

  private scanInBraces(character: string): void {
    const label = this.match(LABEL)
    const two = this.text.slice(this.at, this.at + 2)
    if (label !== undefined) this.add('identifier', this.at + label.length)
    else if (/["'`]/.test(character)) this.scanString(character)
    else if (two === '=~' || two === '!~' || two === '!=') this.add('operator', this.at + 2)
    else if (character === '!') this.fail(`unexpected character after '!' inside braces: ${this.nameNext(1)}`)
    else if (character === '=' || character === ',') this.add('punctuation', this.at + 1)
    else if (character === '{') this.fail(`unexpected left brace '{'`)
    else if (character === '}') {
      this.inBraces = false
      this.add('punctuation', this.at + 1)
    } else this.fail(`unexpected character inside braces: ${quoteCharacter(character)}`)
  }

  private scanInBrackets(character: string): void {
    const word = this.match(/[A-Za-z_]+/y) ?? ''
    if (/^(?:step|range|max_of|min_of)$/i.test(word)) {
      this.add('keyword', this.at + word.length)
    } else if (character !== ':') {
      this.fail(`unexpected character: ${quoteCharacter(character)}, expected ':'`)
    } else if (this.hadColon) {
      this.fail(`unexpected colon ':'`)
    } else {
      this.hadColon = true
      this.add('punctuation', this.at + 1)
    }
  }

  private isNumberAhead(character: string): boolean {
    return /[0-9]/.test(character) || (character === '.' && /[0-9]/.test(this.text[this.at + 1] ?? ''))
  }

  private scanNumber(): void {
    const { kind, end } = readNumberOrDuration(this.text, this.at)
    if (kind === undefined) this.fail(`bad number or duration syntax: ${quote(this.text.slice(this.at, end))}`)
    else this.add(kind, end)
  }

  private scanString(mark: string): void {
    const found = this.match(QUOTED)
    if (found !== undefined) this.add('string', this.at + found.length)
    else this.fail(mark === '`' ? 'unterminated raw string' : 'unterminated quoted string')
  }

  private scanWord(): void {
    const word = this.match(WORD) ?? ''
    const lower = word.toLowerCase()
    const end = this.at + word.length
    if (word.includes(':')) this.add('metric identifier', end)
    else if (lower === 'inf' || lower === 'nan') this.add('number', end)
    else if (WORD_OPERATORS.has(lower)) this.add('operator', end)
    else if (AGGREGATORS.has(lower)) this.add('aggregator', end)
    else this.add(KEYWORDS.has(lower) ? 'keyword' : 'identifier', end)
  }

  private scanSign(character: string): void {
    const two = this.text.slice(this.at, this.at + 2)
    const operator = OPERATORS.find((sign) => this.text.startsWith(sign, this.at))
    if (two === '=~') this.fail(`unexpected character after '=': '~'`)
    else if (operator !== undefined) this.add('operator', this.at + operator.length)
    else if (character === '!') this.fail(`unexpected character after '!': ${this.nameNext(1)}`)
    else if (!PUNCTUATION.includes(character)) this.fail(`unexpected character: ${this.nameNext(0)}`)
    else this.scanBracket(character)
  }

  private scanBracket(character: string): void {
    if (character === '[' && this.inBrackets) return this.fail(`unexpected left bracket '['`)
    if (character === ']' && !this.inBrackets) return this.fail(`unexpected right bracket ']'`)
    if (character === ')' && this.parens === 0) return this.fail(`unexpected right parenthesis ')'`)
    if (character === '[') this.hadColon = false
    if (character === '[' || character === ']') this.inBrackets = character === '['
    if (character === '(') this.parens += 1
    if (character === ')') this.parens -= 1
    this.inBraces = character === '{'
    if (character === '}') return this.fail(`unexpected character: '}'`)
    this.add('punctuation', this.at + 1)
  }

  private nameNext(after: number): string {
    const code = this.text.codePointAt(this.at + after)
    return quoteCharacter(code === undefined ? '\uFFFF' : String.fromCodePoint(code))
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at
    return pattern.exec(this.text)?.[0]
  }

  private skip(pattern: RegExp): boolean {
    const found = this.match(pattern)
    this.at += found?.length ?? 0
    return found !== undefined
  }

  private add(kind: TokenKind, end: number): void {
    const raw = this.text.slice(this.at, end)
    const isWord = kind === 'keyword' || kind === 'aggregator' || kind === 'operator'
    this.tokens.push({ kind, text: isWord ? raw.toLowerCase() : raw, raw, start: this.at, end })
    this.at = end
  }

  private fail(message: string): void {
    this.tokens.push({ kind: 'error', text: message, raw: '', start: this.at, end: this.text.length })
    this.done = true
  }
}
