// What a PromQL expression is made of, once it is parsed. A tree of these is all that the evaluation, the checks of rule
// files and the linter know of an expression; it keeps places in the text, so that every message can point at one.

import { Fault } from '../lib/fault.ts'
import type { Matcher } from './matcher.ts'

export type ValueType = 'scalar' | 'instant vector' | 'range vector' | 'string'

export interface Place {
  readonly start: number // offsets in the text of the expression
  end: number // moves while modifiers are read
}

/** Where in time a selector looks: `@` fixes the moment, `offset` moves it. */
export interface Shift {
  offsetMs: number | undefined
  at: number | 'start' | 'end' | undefined // epoch milliseconds
}

export interface NumberLiteral {
  readonly kind: 'number'
  readonly value: number
  readonly place: Place
}

export interface StringLiteral {
  readonly kind: 'string'
  readonly value: string
  readonly place: Place
}

export interface VectorSelector {
  readonly kind: 'selector'
  readonly name: string // in front of the braces; '' when there is none
  readonly matchers: readonly Matcher[] // the one of `name` included, last
  readonly shift: Shift
  readonly place: Place
}

export interface MatrixSelector {
  readonly kind: 'matrix'
  readonly selector: VectorSelector
  readonly rangeMs: number
  readonly place: Place
}

export interface Subquery {
  readonly kind: 'subquery'
  readonly expr: Expr
  readonly rangeMs: number
  readonly stepMs: number | undefined // undefined: the evaluation interval
  readonly shift: Shift
  readonly place: Place
}

export interface Call {
  readonly kind: 'call'
  readonly name: string
  readonly args: readonly Expr[]
  readonly place: Place
}

export interface Aggregation {
  readonly kind: 'aggregation'
  readonly operator: string
  readonly param: Expr | undefined
  readonly expr: Expr
  readonly labels: readonly string[] // sorted
  readonly without: boolean
  readonly place: Place
}

/** How the elements of two vectors find each other. */
export interface Matching {
  readonly on: boolean // true: by `labels` alone; false: by all others
  readonly labels: readonly string[]
  readonly group: 'left' | 'right' | undefined // the side that may have many
  readonly include: readonly string[] // labels taken over from the side that has one
}

export interface Binary {
  readonly kind: 'binary'
  readonly operator: string
  readonly left: Expr
  readonly right: Expr
  readonly bool: boolean
  readonly matching: Matching
  readonly operatorPlace: Place
  readonly place: Place
}

export interface Unary {
  readonly kind: 'unary'
  readonly operator: '+' | '-'
  readonly expr: Expr
  readonly place: Place
}

export interface Paren {
  readonly kind: 'paren'
  readonly expr: Expr
  readonly place: Place
}

export type Expr =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | Subquery
  | Call
  | Aggregation
  | Binary
  | Unary
  | Paren

export const COMPARISONS: ReadonlySet<string> = new Set(['==', '!=', '>', '<', '>=', '<='])
export const SET_OPERATORS: ReadonlySet<string> = new Set(['and', 'or', 'unless'])

/** `2:13`, both counted from 1, as Prometheus says where in an expression something is. */
export function lineAndColumn(text: string, offset: number): string {
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  return `${line}:${offset - before.lastIndexOf('\n')}`
}

/** A mistake in an expression. `why` reads as Prometheus' own message does, so that people find it on the web. */
export function parseFault(text: string, offset: number, message: string, hint?: string): Fault {
  const why = `${lineAndColumn(text, offset)}: parse error: ${message}`
  return new Fault({ doing: 'parsing the expression', target: text.trim(), why, hint, offset, retryable: false })
}

/** Parentheses around an expression mean nothing to a function. */
export function unwrapParens(expr: Expr): Expr {
  let inner = expr
  while (inner.kind === 'paren') inner = inner.expr
  return inner
}

/** The expressions directly within one. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'selector':
      return []
    case 'matrix':
      return [expr.selector]
    case 'call':
      return expr.args
    case 'binary':
      return [expr.left, expr.right]
    case 'aggregation':
      return expr.param === undefined ? [expr.expr] : [expr.param, expr.expr]
    case 'subquery':
    case 'unary':
    case 'paren':
      return [expr.expr]
  }
}
