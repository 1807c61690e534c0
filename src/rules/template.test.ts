// Templates print what Prometheus prints. The numbers of humanize and its kin, and the words of failures, are Prometheus'.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TEMPLATES } from '../../test/template-cases.ts'
import { printf } from './go-printf.ts'
import { compileText, templateMistake, type AlertMoment } from './template.ts'

const moment: AlertMoment = {
  labels: { __name__: 'redis_up', instance: '10.0.0.5:6379', job: 'redis' },
  value: 1_234_567,
  nowMs: 1_353_755_652_000,
  externalLabels: { site: 'fra' },
  externalUrl: 'http://host:7379/respite',
  query(expr) {
    if (expr === 'none') return []
    return [
      { labels: { server: 'b' }, value: 21 },
      { labels: { server: 'a', __value__: 'text' }, value: 11.5 },
    ]
  },
}

const write = (text: string): string => compileText(text, 'High')(moment)

for (const [subject, rows] of Object.entries(TEMPLATES))
  describe(subject, () => {
    for (const [text, expected] of rows) it(text, () => assert.equal(write(text), expected))
  })

describe('a text that cannot be written says why in its place', () => {
  const rows: readonly (readonly [string, string])[] = [
    [
      '{{ humanize "one" }}',
      '1:115: executing "__alert_High" at <humanize "one">: error calling humanize: strconv.ParseFloat: parsing "one": invalid syntax',
    ],
    [
      '{{ query "none" | first }}',
      '1:130: executing "__alert_High" at <first>: error calling first: first() called on vector with no elements',
    ],
    [
      '{{ (query "x").banana }}',
      '1:122: executing "__alert_High" at <"x">: can\'t evaluate field banana in type template.queryResult',
    ],
    [
      '{{ if gt $value 1 }}x{{ end }}',
      '1:118: executing "__alert_High" at <gt $value 1>: error calling gt: incompatible types for comparison',
    ],
    [
      '{{ $labels.job.x }}',
      '1:122: executing "__alert_High" at <$labels.job.x>: can\'t evaluate field x in type string',
    ],
    [
      '{{ stripPort $value }}',
      '1:125: executing "__alert_High" at <$value>: wrong type for value; expected string; got float64',
    ],
    [
      'line\n  {{ index $labels 1 }}',
      '2:5: executing "__alert_High" at <index $labels 1>: error calling index: value has type int; should be string',
    ],
    [
      '{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}',
      '1:140: executing "__alert_High" at <{{template "a"}}>: exceeded maximum template depth (500)',
    ],
  ]
  for (const [text, why] of rows)
    it(text, () =>
      assert.equal(
        write(text),
        `<error expanding template: error executing template __alert_High: template: __alert_High:${why}>`,
      ),
    )
})

describe('a mistake is found before the alert fires', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['{{ $label.x }}', 'undefined variable "$label"'],
    ['{{ $labels.quantile * 100 }}', 'unexpected "*" in operand'],
    ['{{ foo 1 }}', 'function "foo" not defined'],
    ['{{', 'unclosed action'],
    ['{{ "a }}', 'unterminated quoted string'],
    ['{{ \u00a0 }}', 'unrecognized character in action: U+00A0'],
    ['{{ }}', 'missing value for command'],
    ['{{ if }}x{{ end }}', 'missing value for if'],
    ['{{ if $value }}x', 'unexpected EOF'],
    ['{{ end }}', 'unexpected {{end}}'],
    ['{{ else }}', 'unexpected {{else}}'],
    ['{{ 1 | 2 }}', 'non executable command in pipeline stage 2'],
    ['{{ 1a }}', 'bad number syntax: "1a"'],
    ['{{ range query "x" }}{{ $y := 1 }}{{ end }}{{ $y }}', 'undefined variable "$y"'],
    ['{{ break }}', '{{break}} outside {{range}}'],
  ]
  for (const [text, why] of rows)
    it(text, () => assert.equal(templateMistake(text, 'High'), `template: __alert_High:1: ${why}`))

  it('and what is only wrong for some values is not', () =>
    assert.equal(templateMistake('{{ humanize "one" }}', 'A'), undefined))
})

describe('printf', () => {
  const rows: readonly (readonly [string, readonly (number | bigint | string | boolean)[], string])[] = [
    ['%d', [1.5], '%!d(float64=1.5)'],
    ['%.2f', [3n], '%!f(int=03)'],
    ['%s %v', [1n], '%!s(int=1) %!v(MISSING)'],
    ['%d', [1n, 'more'], '1%!(EXTRA string=more)'],
    ['100%', [], '100%!(NOVERB)'],
    ['%%', [], '%'],
    ['%x %X %o %b %c %U', [255n, 255n, 8n, 5n, 65n, 65n], 'ff FF 10 101 A U+0041'],
    ['%+d % d %+.1f', [5n, 5n, 2.5], '+5  5 +2.5'],
    ['%e %.3e %g %.3g', [1234.5678, 1234.5678, 1234567.8, 1234567.8], '1.234568e+03 1.235e+03 1.2345678e+06 1.23e+06'],
    ['%.0f %.0f %.0f %.1f', [0.5, 1.5, 2.5, 0.25], '0 2 2 0.2'], // ties go to the even digit
    ['%f', [1e21], '1000000000000000000000.000000'],
    ['%08.3f|%-8.2f|%8s|%t', [-7.14159, 2.5, 'x', true], '-007.142|2.50    |       x|true'],
    ['%*d', [5n, 42n], '   42'],
    ['%.4g', [899.9951], '900'],
    ['%5.1f', [Infinity], ' +Inf'],
  ]
  for (const [format, args, expected] of rows)
    it(`${format} of ${args.map(String).join(', ')}`, () => assert.equal(printf(format, args), expected))
})
