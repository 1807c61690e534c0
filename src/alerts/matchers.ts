// Label matchers as Alertmanager has them: in silences, and in the filters of its API (`alertname=~"Redis.*"`).

import { compileRegexp } from '../promql/regexp.ts'
import type { SilenceMatcher } from '../state/silences.ts'
import type { Labels } from './alert.ts'

const compiled = new WeakMap<SilenceMatcher, RegExp | string>()

/** Do all of them match? A label that is not there is an empty one. One that cannot be understood matches nothing. */
export function matchesAll(matchers: readonly SilenceMatcher[], labels: Labels): boolean {
  return matchers.every((matcher) => matches(matcher, labels[matcher.name] ?? ''))
}

function matches(matcher: SilenceMatcher, value: string): boolean {
  if (!matcher.isRegex) return (value === matcher.value) === matcher.isEqual
  const pattern = compiled.get(matcher) ?? compileRegexp(matcher.value)
  compiled.set(matcher, pattern)
  return typeof pattern === 'string' ? false : pattern.test(value) === matcher.isEqual
}

/** Why a silence may not have it, or undefined. */
export function objectionTo(matcher: SilenceMatcher): string | undefined {
  if (!/^[a-zA-Z_]\w*$/.test(matcher.name)) return `"${matcher.name}" is not the name of a label`
  const pattern = matcher.isRegex ? compileRegexp(matcher.value) : undefined
  return typeof pattern === 'string' ? `"${matcher.value}" is not a regular expression: ${pattern}` : undefined
}

/** Does it match where there is no such label? A silence made only of those would silence everything. */
export const matchesEmpty = (matcher: SilenceMatcher): boolean => matches(matcher, '')

const FILTER = /^\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"]*?))\s*$/s

/** `name="value"`, quotes optional, operators = != =~ !~; undefined when the text is none. */
export function parseMatcher(text: string): SilenceMatcher | undefined {
  const match = FILTER.exec(text)
  if (match === null) return undefined
  const [, name = '', operator = '', quoted, plain] = match
  const value = quoted?.replaceAll(/\\(.)/gs, (_all, mark: string) => (mark === 'n' ? '\n' : mark)) ?? plain ?? ''
  return { name, value, isRegex: operator.endsWith('~'), isEqual: operator.startsWith('=') }
}
