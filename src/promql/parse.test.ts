import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../lib/fault.ts'
import { typeOf } from './check-types.ts'
import { parse, parseMetric } from './parse.ts'
import type { Expr } from './syntax.ts'

/** The tree as text with all parentheses. */
function show(expr: Expr): string {
  switch (expr.kind) {
    case 'number':
      return String(expr.value)
    case 'string':
      return JSON.stringify(expr.value)
    case 'selector': {
      const { offsetMs, at } = expr.shift
      const matchers = expr.matchers.filter(({ label }) => label !== '__name__' || expr.name === '')
      const braces = matchers.map(({ label, operator, value }) => `${label}${operator}${value}`).join(',')
      const shift = (at === undefined ? '' : `@${at}`) + (offsetMs === undefined ? '' : `~${offsetMs}`)
      return expr.name + (braces === '' ? '' : `{${braces}}`) + shift
    }
    case 'matrix':
      return `${show(expr.selector)}[${expr.rangeMs}]`
    case 'subquery':
      return `${show(expr.expr)}[${expr.rangeMs}:${expr.stepMs ?? ''}]`
    case 'call':
      return `${expr.name}(${expr.args.map(show).join(', ')})`
    case 'aggregation': {
      const by = `${expr.without ? 'without' : 'by'}(${expr.labels.join(',')})`
      return `${expr.operator} ${by}(${expr.param === undefined ? '' : `${show(expr.param)}, `}${show(expr.expr)})`
    }
    case 'binary':
      return `(${show(expr.left)} ${expr.operator}${expr.bool ? ' bool' : ''} ${show(expr.right)})`
    case 'unary':
      return `${expr.operator}${show(expr.expr)}`
    case 'paren':
      return show(expr.expr)
  }
}

const TREES: readonly (readonly [text: string, tree: string])[] = [
  ['a + b * c ^ d ^ e', '(a + (b * (c ^ (d ^ e))))'],
  ['a - b - c', '((a - b) - c)'],
  ['a or b and c unless d == e + f', '(a or ((b and c) unless (d == (e + f))))'],
  ['-1 ^ 2', '-(1 ^ 2)'],
  ['-a * b', '(-a * b)'],
  ['2 ^ -1', '(2 ^ -1)'],
  ['a + b offset 5m', '(a + b~300000)'],
  ['-max_over_time(a[5m:1m] @ 12.5)', '-max_over_time(a[300000:60000])'],
  ['a{x="1"}[1h30m] offset -1w @ start()', 'a{x=1}@start~-604800000[5400000]'],
  ['a @ end() offset 300', 'a@end~300000'],
  ['rate(a[300])', 'rate(a[300000])'],
  ['5m + 1_000 + 0x1F + .5e1 + 5.', '((((300 + 1000) + 31) + 5) + 5)'],
  ['Inf - -nAn', '(Infinity - NaN)'],
  ['sum by (b, a) (x)', 'sum by(a,b)(x)'],
  ['SUM(x) WITHOUT (on, "a b",)', 'sum without(a b,on)(x)'],
  ['topk(5, sum)', 'topk by()(5, sum)'],
  ['sum + avg', '(sum + avg)'],
  ['{"my metric", x!~"a|b"}', '{__name__=my metric,x!~a|b}'],
  ["{'a.b'='c'}", '{a.b=c}'],
  ['a # what follows is a comment\n + b', '(a + b)'],
  ['"\\x41\\u00e9\\n\\xe2\\x82\\xac"', '"Aé\\n€"'],
  ['`\\n`', '"\\\\n"'],
  ['1 > bool 2', '(1 > bool 2)'],
  ['foo:bar:rate5m', 'foo:bar:rate5m'],
  ['x and on() y', '(x and y)'],
]

const MISTAKES: readonly (readonly [text: string, why: string])[] = [
  ['', '1:1: parse error: no expression found in input'],
  ['sum(a', '1:6: parse error: unclosed left parenthesis'],
  ['a[5m', '1:5: parse error: unclosed left bracket'],
  ['a{x="y"', '1:8: parse error: unexpected end of input inside braces'],
  ['a{x=y}', '1:5: parse error: unexpected identifier "y" in label matching, expected string'],
  ['a{x}', '1:4: parse error: unexpected "}" in label matching, expected label matching operator'],
  ['a b', '1:3: parse error: unexpected identifier "b"'],
  ['a +', '1:4: parse error: unexpected end of input'],
  ['* a', '1:1: parse error: unexpected <op:*>'],
  ['sum by a (b)', '1:8: parse error: unexpected identifier "a" in grouping opts, expected "("'],
  ['rate(a)', '1:6: parse error: expected type range vector in call to function "rate", got instant vector'],
  ['\n  rate(a)', '2:8: parse error: expected type range vector in call to function "rate", got instant vector'],
  ['rate(a[5m], 1)', '1:1: parse error: expected 1 argument(s) in call to "rate", got 2'],
  ['round()', '1:1: parse error: expected at least 1 argument(s) in call to "round", got 0'],
  ['nope(a)', '1:1: parse error: unknown function with name "nope"'],
  ['RATE(a[5m])', '1:1: parse error: unknown function with name "RATE"'],
  ['sum(a[5m])', '1:5: parse error: expected type instant vector in aggregation expression, got range vector'],
  ['topk(a, b)', '1:6: parse error: expected type scalar in aggregation parameter, got instant vector'],
  ['topk(a)', '1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1'],
  ['1 == 2', '1:3: parse error: comparisons between scalars must use BOOL modifier'],
  ['a + bool b', '1:3: parse error: bool modifier can only be used on comparison operators'],
  ['a and 1', '1:1: parse error: set operator "and" not allowed in binary scalar expression'],
  ['a + on(x) 1', '1:1: parse error: vector matching only allowed between instant vectors'],
  ['a and on(x) group_left b', '1:1: parse error: no grouping allowed for "and" operation'],
  ['a + on(x) group_left(x) b', '1:3: parse error: label "x" must not occur in ON and GROUP clause at once'],
  ['a + group_left b', '1:5: parse error: unexpected <group_left>'],
  ['a + "b"', '1:5: parse error: binary expression must contain only scalar and instant vector types'],
  ['a[5m][5m]', '1:6: parse error: ranges only allowed for vector selectors'],
  ['a offset 5m [5m]', '1:13: parse error: no offset modifiers allowed before range'],
  ['a offset 1m offset 2m', '1:1: parse error: offset may not be set multiple times'],
  [
    'sum(a) offset 1m',
    '1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery',
  ],
  ['a @ 1 @ 2', '1:1: parse error: @ <timestamp> may not be set multiple times'],
  ['a[1m1h]', '1:3: parse error: not a valid duration string: "1m1h"'],
  ['a[0]', '1:3: parse error: duration must be greater than 0'],
  ['a[5x]', '1:3: parse error: bad number or duration syntax: "5x"'],
  ['{}', '1:1: parse error: vector selector must contain at least one non-empty matcher'],
  ['{x=~".*"}', '1:1: parse error: vector selector must contain at least one non-empty matcher'],
  ['a{__name__="b"}', '1:1: parse error: metric name must not be set twice: "a" or "b"'],
  ['"abc', '1:1: parse error: unterminated quoted string'],
  ['a ! b', `1:3: parse error: unexpected character after '!': ' '`],
  ['a ~ b', `1:3: parse error: unexpected character: '~'`],
  ['sum(a,)', '1:6: parse error: trailing commas not allowed in function call args'],
  ['a fill(0) b', '1:3: parse error: unexpected <fill>'],
  ['a + fill(0) b', '1:5: parse error: binop fill modifiers are experimental and not enabled'],
  ['a[5m] anchored', '1:7: parse error: anchored modifier is experimental and not enabled'],
  ['a[step()]', '1:3: parse error: experimental duration expression is not enabled'],
  ['limitk(1, a)', '1:1: parse error: limitk() is experimental and must be enabled'],
  ['mad_over_time(a[5m])', '1:1: parse error: function "mad_over_time" is not enabled'],
  ['histogram_count(a)', '1:1: parse error: function "histogram_count" is for native histograms'],
]

function faultOf(run: () => unknown): Fault {
  try {
    run()
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown
    throw thrown
  }
  return assert.fail('nothing was wrong')
}

test('operators and modifiers bind as in Prometheus', () => {
  for (const [text, tree] of TREES) assert.equal(show(parse(text)), tree, text)
})

test('each mistake has its place and Prometheus’ words', () => {
  for (const [text, why] of MISTAKES) assert.equal(faultOf(() => parse(text)).why, why, text)
})

test('what stands behind a flag in Prometheus is refused with the reason, and an old name leads to the new one', () => {
  assert.match(faultOf(() => parse('info(a)')).hint ?? '', /behind a flag/)
  assert.match(faultOf(() => parse('histogram_sum(a)')).hint ?? '', /_sum/)
  assert.match(faultOf(() => parse('holt_winters(a[1m], 0.5, 0.5)')).hint ?? '', /double_exponential_smoothing/)
})

test('what is nested beyond reason is refused and does not end the process', () => {
  assert.match(faultOf(() => parse(`${'('.repeat(20_000)}a${')'.repeat(20_000)}`)).why, /nested too deeply/)
  assert.match(faultOf(() => parse(`${'-'.repeat(20_000)}a`)).why, /nested too deeply/)
  assert.match(faultOf(() => parse(Array(20_000).fill('a').join(' + '))).why, /nested too deeply/)
  assert.equal(typeOf(parse(Array(400).fill('a').join(' or '))), 'instant vector')
})

test('an expression has a type', () => {
  assert.equal(typeOf(parse('1 + time()')), 'scalar')
  assert.equal(typeOf(parse('a > 1')), 'instant vector')
  assert.equal(typeOf(parse('(a[5m])')), 'range vector')
  assert.equal(typeOf(parse('"a"')), 'string')
})

test('the labels of one series are read with their name', () => {
  assert.deepEqual(parseMetric('up{job="a", x=""} 1 2'), { labels: { __name__: 'up', job: 'a' }, end: 17 })
  assert.deepEqual(parseMetric('{"up", job="a"}').labels, { __name__: 'up', job: 'a' })
  assert.match(faultOf(() => parseMetric('up{job!="a"}')).why, /unexpected != in label set/)
})
