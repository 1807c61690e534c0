// Questions about an expression as a whole, for those who have to know what a rule looks at without evaluating it.

import { calculate } from '../promql/math-functions.ts'
import {
  childrenOf,
  COMPARISONS,
  unwrapParens,
  type Aggregation,
  type Expr,
  type Shift,
  type VectorSelector,
} from '../promql/syntax.ts'
import type { Query } from '../promql/query.ts'

/** The expression and everything within it, outermost first. */
export function allWithin(expr: Expr): Expr[] {
  return [expr, ...childrenOf(expr).flatMap(allWithin)]
}

export function selectorsOf(expr: Expr): VectorSelector[] {
  return allWithin(expr).filter((each) => each.kind === 'selector')
}

export function aggregationsOf(expr: Expr): Aggregation[] {
  return allWithin(expr).filter((each) => each.kind === 'aggregation')
}

export function textOf({ text }: Query, { place }: Expr): string {
  return text.slice(place.start, place.end).trim().replaceAll(/\s+/g, ' ')
}

/** The number that an expression of numbers alone is: `60 * 60 * 24`. */
export function constantOf(expr: Expr): number | undefined {
  const inner = unwrapParens(expr)
  if (inner.kind === 'number') return inner.value
  if (inner.kind === 'unary') {
    const value = constantOf(inner.expr)
    return value === undefined || inner.operator === '+' ? value : -value
  }
  if (inner.kind !== 'binary' || COMPARISONS.has(inner.operator)) return undefined
  const [left, right] = [constantOf(inner.left), constantOf(inner.right)]
  return left === undefined || right === undefined ? undefined : calculate(inner.operator, left, right)
}

/** Whether somewhere in the expression the metrics of the divisor are asked to be more than 0, or not 0. */
export function guardsAgainstZero(expr: Expr, divisor: Expr): boolean {
  const names = new Set(selectorsOf(divisor).map(({ name }) => name))
  return allWithin(expr).some((each) => {
    if (each.kind !== 'binary' || !COMPARISONS.has(each.operator) || each.bool) return false
    const limit = constantOf(each.right)
    const compared = unwrapParens(each.left)
    const isAsIs = compared.kind === 'selector' && names.has(compared.name)
    // `unless x == 0` guards as `and x > 0` does.
    return isAsIs && limit !== undefined && limit >= 0 && ['>', '!=', '=='].includes(each.operator)
  })
}

/** How far back an expression looks, in milliseconds: its longest window with all offsets on the way to it. */
export function reachMs(expr: Expr): number {
  switch (expr.kind) {
    case 'selector':
      return offsetMs(expr.shift)
    case 'matrix':
      return expr.rangeMs + reachMs(expr.selector)
    case 'subquery':
      return expr.rangeMs + offsetMs(expr.shift) + reachMs(expr.expr)
    default:
      return Math.max(0, ...childrenOf(expr).map(reachMs))
  }
}

function offsetMs({ offsetMs = 0 }: Shift): number {
  return Math.max(0, offsetMs)
}
