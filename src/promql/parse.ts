// Text to tree. An operator binds as tightly as its row in PRECEDENCE says; modifiers ([5m], offset, @) bind tighter than
// any operator and stand behind what they modify. The first mistake ends the parsing with a Fault that says where it is.
//
// Durations stand wherever numbers may and the other way round, as in Prometheus 3: `x > 5m` is `x > 300`.

import { checkTypes } from './check-types.ts'
import { makeMatcher, type Matcher } from './matcher.ts'
import { EXPERIMENTAL_FUNCTIONS, NATIVE_HISTOGRAM_FUNCTIONS, RENAMED_FUNCTIONS, SIGNATURES } from './signatures.ts'
import {
  parseFault,
  type Aggregation,
  type Expr,
  type Matching,
  type Place,
  type Shift,
  type VectorSelector,
} from './syntax.ts'
import { TokenStream } from './token-stream.ts'
import { quote, type Token } from './tokens.ts'

const PRECEDENCE: Readonly<Record<string, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '>': 3,
  '<': 3,
  '>=': 3,
  '<=': 3,
  '</': 3,
  '>/': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  atan2: 5,
  '^': 6,
}
const UNARY_PRECEDENCE = 5
const DEEPEST = 500 // far from where the stack ends
const PARAMETERIZED = new Set(['topk', 'bottomk', 'quantile', 'count_values'])
const NOT_A_METRIC = new Set(['bool', 'on', 'ignoring', 'group_left', 'group_right'])
const FLAGS = 'it stands behind a flag in Prometheus and is not evaluated here'
const MOST_SECONDS = 9_223_372_036 // 64 bits of nanoseconds

/** The tree of an expression, its types checked. Throws a Fault. */
export function parse(text: string): Expr {
  const parser = new Parser(text)
  const expr = parser.parseWhole()
  checkTypes(expr, text)
  return expr
}

/** `name{label="value"}` as it stands in rule tests: the labels of one series, with its name, and where it ends. */
export function parseMetric(text: string): { labels: Record<string, string>; end: number } {
  return new Parser(text).parseMetric()
}

class Parser extends TokenStream {
  private depth = 0

  parseWhole(): Expr {
    if (this.next.kind === 'end') throw parseFault(this.text, 0, 'no expression found in input')
    const expr = this.parseExpr(1)
    if (this.peek(0).kind !== 'end') throw this.unexpected()
    return expr
  }

  parseMetric(): { labels: Record<string, string>; end: number } {
    const labels: Record<string, string> = {}
    if (this.isName(this.next)) labels['__name__'] = this.take().raw
    // Two braces begin a native histogram, the value and not the labels.
    const hasLabels = this.isNext('{') && this.text[this.next.end] !== '{'
    const matchers = hasLabels ? this.parseMatchers() : []
    for (const { label, operator, value } of matchers) {
      if (operator !== '=') throw parseFault(this.text, 0, `unexpected ${operator} in label set, expected "="`)
      if (value !== '') labels[label] = value // a label without a value is no label
    }
    return { labels, end: this.endOfLast() }
  }

  // ---- operators -----------------------------------------------------------------------------------------------------

  private parseExpr(least: number): Expr {
    this.depth += 1
    if (this.depth > DEEPEST) throw parseFault(this.text, this.next.start, 'expression is nested too deeply')
    const { depth } = this
    let left = this.parseUnary()
    for (;;) {
      const operator = this.next
      const precedence = operator.kind === 'operator' ? (PRECEDENCE[operator.text] ?? 0) : 0
      if (precedence === 0 || precedence < least) break
      left = this.parseBinary(left, precedence)
      this.depth += 1 // a chain of operators is as deep a tree as parentheses are
    }
    this.depth = depth - 1
    return left
  }

  private parseBinary(left: Expr, precedence: number): Expr {
    const operator = this.take()
    if (operator.text === '</' || operator.text === '>/')
      throw parseFault(this.text, operator.start, `operator ${quote(operator.text)} is for native histograms`, FLAGS)
    const bool = this.takeIf('bool') !== undefined
    const matching = this.parseMatching()
    const right = this.parseExpr(operator.text === '^' ? precedence : precedence + 1)
    return {
      kind: 'binary',
      operator: operator.text,
      left,
      right,
      bool,
      matching,
      operatorPlace: { start: operator.start, end: operator.end },
      place: { start: left.place.start, end: right.place.end },
    }
  }

  private parseMatching(): Matching {
    const word = this.takeIf('on') ?? this.takeIf('ignoring')
    const labels = word === undefined ? [] : this.parseLabels()
    const side = word === undefined ? undefined : (this.takeIf('group_left') ?? this.takeIf('group_right'))
    const include = side !== undefined && this.isNext('(') ? this.parseLabels() : []
    if (['fill', 'fill_left', 'fill_right'].some((fill) => this.isNext(fill)) && this.peek(1).text === '(')
      throw parseFault(this.text, this.next.start, 'binop fill modifiers are experimental and not enabled', FLAGS)
    const group = side === undefined ? undefined : side.text === 'group_left' ? 'left' : 'right'
    return { on: word?.text === 'on', labels, group, include }
  }

  private parseUnary(): Expr {
    const sign = this.takeIf('-') ?? this.takeIf('+')
    if (sign === undefined) return this.parseModifiers(this.parsePrimary())
    const expr = this.parseExpr(UNARY_PRECEDENCE + 1)
    const place = { start: sign.start, end: expr.place.end }
    if (expr.kind !== 'number') return { kind: 'unary', operator: sign.text as '+' | '-', expr, place }
    return { kind: 'number', value: sign.text === '-' ? -expr.value : expr.value, place }
  }

  // ---- what stands between operators ---------------------------------------------------------------------------------

  private parsePrimary(): Expr {
    const token = this.next
    const place = { start: token.start, end: token.end }
    switch (token.kind) {
      case 'number':
      case 'duration':
        return { kind: 'number', value: this.takeNumber(), place }
      case 'string':
        return { kind: 'string', value: this.takeString(), place }
      case 'aggregator':
        return this.isAggregation() ? this.parseAggregation() : this.parseSelector()
      case 'identifier':
      case 'metric identifier':
      case 'keyword':
        if (NOT_A_METRIC.has(token.text) && token.kind === 'keyword') return this.fail()
        return this.peek(1).text === '(' ? this.parseCall() : this.parseSelector()
      case 'punctuation':
        if (token.text === '{') return this.parseSelector()
        return token.text === '(' ? this.parseParen() : this.fail()
      case 'operator':
      case 'end':
      case 'error':
        return this.fail()
    }
  }

  private parseParen(): Expr {
    const { start } = this.take()
    const expr = this.parseExpr(1)
    const { end } = this.expect(')')
    return { kind: 'paren', expr, place: { start, end } }
  }

  private isAggregation(): boolean {
    const after = this.peek(1)
    return after.text === '(' || (after.kind === 'keyword' && (after.text === 'by' || after.text === 'without'))
  }

  private parseAggregation(): Aggregation {
    const { text: operator, start } = this.take()
    let modifier = this.parseGrouping()
    const args = this.parseArguments('aggregation')
    modifier ??= this.parseGrouping()
    const place = { start, end: this.endOfLast() }
    const wanted = PARAMETERIZED.has(operator) ? 2 : 1
    if (args.length === 0) throw parseFault(this.text, start, 'no arguments for aggregate expression provided')
    if (operator === 'limitk' || operator === 'limit_ratio')
      throw parseFault(this.text, start, `${operator}() is experimental and must be enabled`, FLAGS)
    const expr = args[wanted - 1]
    if (expr === undefined || args.length !== wanted) {
      const why = `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`
      throw parseFault(this.text, start, why)
    }
    const { labels, without } = modifier ?? { labels: [], without: false }
    return { kind: 'aggregation', operator, param: wanted === 2 ? args[0] : undefined, expr, labels, without, place }
  }

  private parseGrouping(): { labels: string[]; without: boolean } | undefined {
    const word = this.takeIf('by') ?? this.takeIf('without')
    if (word === undefined) return undefined
    return { labels: this.parseLabels().toSorted(), without: word.text === 'without' }
  }

  private parseCall(): Expr {
    const token = this.take()
    const name = token.raw
    if (!SIGNATURES.has(name)) throw this.unknownFunction(token)
    const args = this.parseArguments('function call')
    return { kind: 'call', name, args, place: { start: token.start, end: this.endOfLast() } }
  }

  private unknownFunction({ raw, start }: Token): Error {
    if (EXPERIMENTAL_FUNCTIONS.has(raw))
      return parseFault(this.text, start, `function ${quote(raw)} is not enabled`, FLAGS)
    const isNative = NATIVE_HISTOGRAM_FUNCTIONS.has(raw)
    if (isNative) return parseFault(this.text, start, `function ${quote(raw)} is for native histograms`, NO_NATIVE)
    const today = RENAMED_FUNCTIONS[raw]
    const hint = today === undefined ? undefined : `Prometheus 3 calls it ${today}, and ${FLAGS}`
    return parseFault(this.text, start, `unknown function with name ${quote(raw)}`, hint)
  }

  private parseArguments(context: string): Expr[] {
    this.expect('(', context)
    const args: Expr[] = []
    while (!this.isNext(')')) {
      args.push(this.parseExpr(1))
      const comma = this.takeIf(',')
      if (comma === undefined && !this.isNext(')')) this.fail()
      if (comma !== undefined && this.isNext(')'))
        throw parseFault(this.text, comma.start, 'trailing commas not allowed in function call args')
    }
    this.take()
    return args
  }

  // ---- selectors -----------------------------------------------------------------------------------------------------

  private isName({ kind, text }: Token): boolean {
    if (kind === 'keyword') return !NOT_A_METRIC.has(text)
    return (
      kind === 'identifier' || kind === 'metric identifier' || kind === 'aggregator' || /^(?:and|or|unless)$/.test(text)
    )
  }

  private parseSelector(): VectorSelector {
    const { start } = this.next
    const name = this.isName(this.next) ? this.take().raw : ''
    const matchers = this.isNext('{') ? this.parseMatchers() : []
    const place = { start, end: this.endOfLast() }
    const twice = name === '' ? undefined : matchers.find((matcher) => matcher.label === '__name__')
    if (twice !== undefined)
      throw parseFault(this.text, start, `metric name must not be set twice: ${quote(name)} or ${quote(twice.value)}`)
    if (name !== '') matchers.push(makeMatcher('__name__', '=', name) as Matcher)
    if (matchers.every((matcher) => matcher.matches('')))
      throw parseFault(this.text, start, 'vector selector must contain at least one non-empty matcher')
    return { kind: 'selector', name, matchers, shift: { offsetMs: undefined, at: undefined }, place }
  }

  // ---- modifiers -----------------------------------------------------------------------------------------------------

  private parseModifiers(primary: Expr): Expr {
    let expr = primary
    for (;;) {
      const { text, start } = this.next
      if (this.isNext('[')) expr = this.parseRange(expr)
      else if (this.isNext('offset')) this.parseOffset(expr)
      else if (this.isNext('@')) this.parseAt(expr)
      else if (this.isNext('anchored') || this.isNext('smoothed'))
        throw parseFault(this.text, start, `${text} modifier is experimental and not enabled`, FLAGS)
      else return expr
    }
  }

  private parseRange(expr: Expr): Expr {
    const bracket = this.take()
    const rangeMs = this.takeDurationMs('subquery or range selector', 'number or duration')
    const place = (): Place => ({ start: expr.place.start, end: this.endOfLast() })
    if (this.takeIf(':') !== undefined) {
      const context = 'subquery selector'
      const stepMs = this.isNext(']') ? undefined : this.takeDurationMs(context, 'number, duration, or "]"')
      this.expect(']', context, '"]"')
      const shift: Shift = { offsetMs: undefined, at: undefined }
      return { kind: 'subquery', expr, rangeMs, stepMs, shift, place: place() }
    }
    this.expect(']', 'subquery or range', '":" or "]"')
    if (expr.kind !== 'selector') throw parseFault(this.text, bracket.start, 'ranges only allowed for vector selectors')
    const { offsetMs, at } = expr.shift
    const early = offsetMs !== undefined ? 'offset' : at !== undefined ? '@' : undefined
    if (early !== undefined) throw parseFault(this.text, bracket.start, `no ${early} modifiers allowed before range`)
    return { kind: 'matrix', selector: expr, rangeMs, place: place() }
  }

  private takeDurationMs(context: string, expected: string): number {
    const { start } = this.next
    const sign = this.takeIf('-') ?? this.takeIf('+')
    const { kind } = this.next
    this.refuseComputedDuration()
    if (kind !== 'number' && kind !== 'duration') this.fail(context, expected)
    const seconds = this.takeNumber() * (sign?.text === '-' ? -1 : 1)
    this.refuseComputedDuration()
    if (seconds <= 0) throw parseFault(this.text, start, 'duration must be greater than 0')
    return this.toMs(seconds, start)
  }

  private refuseComputedDuration(): void {
    const { kind, start, text } = this.next
    const isComputed = kind === 'keyword' || (kind === 'operator' && text !== '@') || text === '('
    if (isComputed) throw parseFault(this.text, start, 'experimental duration expression is not enabled', FLAGS)
  }

  private toMs(seconds: number, start: number): number {
    if (Number.isNaN(seconds) || Math.abs(seconds) > MOST_SECONDS)
      throw parseFault(this.text, start, 'duration out of range')
    return Math.round(seconds * 1000)
  }

  private parseOffset(expr: Expr): void {
    this.take()
    const sign = this.takeIf('-') ?? this.takeIf('+')
    const { kind, start, text } = this.next
    if (kind === 'keyword' || text === '(')
      throw parseFault(this.text, start, 'experimental duration expression is not enabled', FLAGS)
    if (kind !== 'number' && kind !== 'duration') this.fail('offset', 'number or duration')
    const offsetMs = this.toMs(this.takeNumber(), start) * (sign?.text === '-' ? -1 : 1)
    const shift = this.shiftOf(expr, 'offset')
    if ((shift.offsetMs ?? 0) !== 0)
      throw parseFault(this.text, expr.place.start, 'offset may not be set multiple times')
    shift.offsetMs = offsetMs
    expr.place.end = this.endOfLast()
  }

  private parseAt(expr: Expr): void {
    this.take()
    const at = this.isNext('start') || this.isNext('end') ? this.takeStartOrEnd() : this.takeMoment(expr)
    const shift = this.shiftOf(expr, '@')
    if (shift.at !== undefined)
      throw parseFault(this.text, expr.place.start, '@ <timestamp> may not be set multiple times')
    shift.at = at
    expr.place.end = this.endOfLast()
  }

  private takeStartOrEnd(): 'start' | 'end' {
    const word = this.take().text as 'start' | 'end'
    this.expect('(')
    this.expect(')')
    return word
  }

  private takeMoment(expr: Expr): number {
    const sign = this.takeIf('-') ?? this.takeIf('+')
    if (this.next.kind !== 'number' && this.next.kind !== 'duration') this.fail('@', 'timestamp')
    const seconds = this.takeNumber() * (sign?.text === '-' ? -1 : 1)
    if (Math.abs(seconds) < 2 ** 63) return Math.round(seconds * 1000)
    const shown = Number.isNaN(seconds) ? 'NaN' : `${seconds > 0 ? '+' : '-'}Inf`
    const value = Number.isFinite(seconds) ? seconds.toFixed(6) : shown
    throw parseFault(this.text, expr.place.start, `timestamp out of bounds for @ modifier: ${value}`)
  }

  private shiftOf(expr: Expr, word: string): Shift {
    if (expr.kind === 'selector' || expr.kind === 'subquery') return expr.shift
    if (expr.kind === 'matrix') return expr.selector.shift
    const what = 'an instant vector selector or range vector selector or a subquery'
    throw parseFault(this.text, expr.place.start, `${word} modifier must be preceded by ${what}`)
  }
}

const NO_NATIVE =
  'Redis and its exporters have classic histograms only: use the series ending in _count, _sum and _bucket'
