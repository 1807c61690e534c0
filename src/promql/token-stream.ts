// The tokens of an expression, taken one by one, and the small things that several rules of the syntax have in common:
// numbers, strings, lists of labels, matchers in braces. What does not fit ends in a Fault that says what was expected.

import { parseDurationMs, parseNumber, unquote } from './literals.ts'
import { makeMatcher, type Matcher, type MatchOperator } from './matcher.ts'
import { parseFault } from './syntax.ts'
import { describe, quote, tokenize, type Token } from './tokens.ts'

export class TokenStream {
  protected readonly text: string
  private readonly tokens: readonly Token[]
  private at = 0

  constructor(text: string) {
    this.text = text
    this.tokens = tokenize(text)
  }

  protected get next(): Token {
    return this.peek(0)
  }

  protected peek(ahead: number): Token {
    const { length } = this.text
    return this.tokens[this.at + ahead] ?? { kind: 'end', text: '', raw: '', start: length, end: length }
  }

  protected take(): Token {
    const token = this.next
    this.at += 1
    return token
  }

  protected isNext(text: string): boolean {
    const { kind } = this.next
    return this.next.text === text && (kind === 'punctuation' || kind === 'operator' || kind === 'keyword')
  }

  protected takeIf(text: string): Token | undefined {
    return this.isNext(text) ? this.take() : undefined
  }

  protected expect(text: string, context = '', expected = ''): Token {
    return this.takeIf(text) ?? this.fail(context, expected)
  }

  protected fail(context = '', expected = ''): never {
    throw this.unexpected(context, expected)
  }

  protected unexpected(context = '', expected = ''): Error {
    const token = this.next
    if (token.kind === 'error') return parseFault(this.text, token.start, token.text)
    const within = context === '' ? '' : ` in ${context}`
    const wanted = expected === '' ? '' : `, expected ${expected}`
    return parseFault(this.text, token.start, `unexpected ${describe(token)}${within}${wanted}`)
  }

  protected endOfLast(): number {
    return this.tokens[this.at - 1]?.end ?? 0
  }

  protected takeNumber(): number {
    const token = this.take()
    if (token.kind === 'number') {
      const value = parseNumber(token.raw)
      if (value === undefined) throw parseFault(this.text, token.start, `error parsing number: ${quote(token.raw)}`)
      return value
    }
    const durationMs = parseDurationMs(token.raw)
    if (durationMs !== undefined) return durationMs / 1000
    const isTooLong = /^\d+[a-z]+$/.test(token.raw)
    const why = isTooLong ? 'duration out of range' : `not a valid duration string: ${quote(token.raw)}`
    throw parseFault(this.text, token.start, why, 'units go from the largest to the smallest: 1d2h30m')
  }

  protected takeString(): string {
    const token = this.take()
    const value = unquote(token.raw)
    if (value === undefined) throw parseFault(this.text, token.start, `error unquoting string ${quote(token.raw)}`)
    return value
  }

  protected parseLabels(): string[] {
    this.expect('(', 'grouping opts', '"("')
    const labels: string[] = []
    while (!this.isNext(')')) {
      const { kind, text, raw, start } = this.next
      const isWord =
        kind === 'identifier' || kind === 'metric identifier' || kind === 'keyword' || kind === 'aggregator'
      if (!isWord && kind !== 'string' && !/^(?:and|or|unless|atan2)$/.test(text)) this.fail('grouping opts', 'label')
      const label = kind === 'string' ? this.takeString() : raw
      if (kind !== 'string') this.take()
      if (label === '') throw parseFault(this.text, start, `invalid label name for grouping: ${quote(label)}`)
      labels.push(label)
      if (this.takeIf(',') === undefined && !this.isNext(')')) this.fail('grouping opts', '"," or ")"')
    }
    this.take()
    return labels
  }

  protected parseMatchers(): Matcher[] {
    this.take()
    const matchers: Matcher[] = []
    while (!this.isNext('}')) {
      matchers.push(this.parseMatcher())
      if (this.takeIf(',') === undefined && !this.isNext('}')) this.fail('label matching', '"," or "}"')
    }
    this.take()
    return matchers
  }

  protected parseMatcher(): Matcher {
    const { kind, raw, start } = this.next
    if (kind !== 'identifier' && kind !== 'string') this.fail('label matching', 'identifier or "}"')
    const label = kind === 'string' ? this.takeString() : raw
    if (kind === 'identifier') this.take()
    const isNameAlone = kind === 'string' && (this.isNext(',') || this.isNext('}'))
    if (isNameAlone) return makeMatcher('__name__', '=', label) as Matcher
    const operator = this.next.text
    if (!/^(?:=|!=|=~|!~)$/.test(operator) || this.next.kind === 'string')
      this.fail('label matching', kind === 'string' ? '"," or "}"' : 'label matching operator')
    this.take()
    if (this.peek(0).kind !== 'string') this.fail('label matching', 'string')
    const value = this.takeString()
    const matcher = makeMatcher(label, operator as MatchOperator, value)
    if (typeof matcher !== 'string') return matcher
    throw parseFault(this.text, start, `error parsing regexp: ${matcher}: ${quote(value)}`)
  }
}
