// One condition on one label: `job="redis"`. A label that a series does not have is the empty text.

import { compileRegexp } from './regexp.ts'

export type MatchOperator = '=' | '!=' | '=~' | '!~'

export interface Matcher {
  readonly label: string // `__name__` for the name of the metric
  readonly operator: MatchOperator
  readonly value: string
  matches(value: string): boolean
}

/** A matcher, or the reason why its regular expression is none. */
export function makeMatcher(label: string, operator: MatchOperator, value: string): Matcher | string {
  if (operator === '=') return { label, operator, value, matches: (other) => other === value }
  if (operator === '!=') return { label, operator, value, matches: (other) => other !== value }
  const matches = compileMatch(value)
  if (typeof matches === 'string') return matches
  return { label, operator, value, matches: operator === '=~' ? matches : (other) => !matches(other) }
}

function compileMatch(pattern: string): ((value: string) => boolean) | string {
  // Most patterns in rules are a list of words: no regular expression is needed for those.
  if (/^[\w :/@-]+(?:\|[\w :/@-]+)*$/.test(pattern)) {
    const words = new Set(pattern.split('|'))
    return (value) => words.has(value)
  }
  if (pattern === '.*') return () => true
  if (pattern === '.+') return (value) => value !== ''
  const regexp = compileRegexp(pattern)
  return typeof regexp === 'string' ? regexp : (value) => regexp.test(value)
}

/** Whether a series has all that the matchers ask for. */
export function matchesAll(matchers: readonly Matcher[], labels: Readonly<Record<string, string>>): boolean {
  return matchers.every((matcher) => matcher.matches(labels[matcher.label] ?? ''))
}
