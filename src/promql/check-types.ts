// Whether the parts of an expression fit together: found when a rule file is loaded and not at three in the morning.
// The words are Prometheus' own.

import { SIGNATURES } from './signatures.ts'
import {
  COMPARISONS,
  parseFault,
  SET_OPERATORS,
  type Aggregation,
  type Binary,
  type Call,
  type Expr,
  type ValueType,
} from './syntax.ts'
import { quote } from './tokens.ts'

/** The type of what an expression gives. */
export function typeOf(expr: Expr): ValueType {
  switch (expr.kind) {
    case 'number':
      return 'scalar'
    case 'string':
      return 'string'
    case 'selector':
    case 'aggregation':
      return 'instant vector'
    case 'matrix':
    case 'subquery':
      return 'range vector'
    case 'call':
      return SIGNATURES.get(expr.name)?.gives ?? 'instant vector'
    case 'unary':
    case 'paren':
      return typeOf(expr.expr)
    case 'binary':
      return typeOf(expr.left) === 'scalar' && typeOf(expr.right) === 'scalar' ? 'scalar' : 'instant vector'
  }
}

/** Throws a Fault at the first part that does not fit. */
export function checkTypes(expr: Expr, text: string): void {
  const check = (inner: Expr): void => checkTypes(inner, text)
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'selector':
    case 'matrix':
      return
    case 'paren':
      return check(expr.expr)
    case 'unary': {
      check(expr.expr)
      const type = typeOf(expr.expr)
      if (type === 'scalar' || type === 'instant vector') return
      const only = 'unary expression only allowed on expressions of type scalar or instant vector'
      throw parseFault(text, expr.place.start, `${only}, got ${quote(type)}`)
    }
    case 'subquery': {
      check(expr.expr)
      const type = typeOf(expr.expr)
      if (type === 'instant vector') return
      const got = { scalar: 'scalar', string: 'string', 'range vector': 'matrix' }[type]
      throw parseFault(text, expr.place.start, `subquery is only allowed on instant vector, got ${got} instead`)
    }
    case 'aggregation':
      return checkAggregation(expr, text)
    case 'call':
      return checkCall(expr, text)
    case 'binary':
      return checkBinary(expr, text)
  }
}

function expectType(expr: Expr, wanted: ValueType, context: string, text: string): void {
  checkTypes(expr, text)
  const type = typeOf(expr)
  if (type !== wanted) throw parseFault(text, expr.place.start, `expected type ${wanted} in ${context}, got ${type}`)
}

function checkAggregation({ expr, operator, param }: Aggregation, text: string): void {
  expectType(expr, 'instant vector', 'aggregation expression', text)
  if (param !== undefined)
    expectType(param, operator === 'count_values' ? 'string' : 'scalar', 'aggregation parameter', text)
}

function checkCall({ name, args, place }: Call, text: string): void {
  const signature = SIGNATURES.get(name)
  if (signature === undefined) throw new Error(`no signature of ${name}`)
  const { least, most } = signature
  if (args.length < least || args.length > most) {
    const wanted = least === most ? `${least}` : args.length < least ? `at least ${least}` : `at most ${most}`
    throw parseFault(text, place.start, `expected ${wanted} argument(s) in call to ${quote(name)}, got ${args.length}`)
  }
  for (const [index, arg] of args.entries()) {
    const wanted = signature.args[Math.min(index, signature.args.length - 1)] ?? 'scalar'
    expectType(arg, wanted, `call to function ${quote(name)}`, text)
  }
}

function checkBinary(expr: Binary, text: string): void {
  checkTypes(expr.left, text)
  checkTypes(expr.right, text)
  const [left, right] = [typeOf(expr.left), typeOf(expr.right)]
  const { start } = expr.place
  const fail = (offset: number, message: string): never => {
    throw parseFault(text, offset, message)
  }
  const isComparison = COMPARISONS.has(expr.operator)
  const { matching, operatorPlace } = expr
  if (expr.bool && !isComparison) fail(operatorPlace.start, 'bool modifier can only be used on comparison operators')
  if (isComparison && !expr.bool && left === 'scalar' && right === 'scalar')
    fail(operatorPlace.start, 'comparisons between scalars must use BOOL modifier')
  const twice = matching.on ? matching.labels.find((label) => matching.include.includes(label)) : undefined
  if (twice !== undefined)
    fail(operatorPlace.start, `label ${quote(twice)} must not occur in ON and GROUP clause at once`)
  for (const [side, type] of [
    [expr.left, left],
    [expr.right, right],
  ] as const)
    if (type !== 'scalar' && type !== 'instant vector')
      fail(side.place.start, 'binary expression must contain only scalar and instant vector types')
  const bothVectors = left === 'instant vector' && right === 'instant vector'
  if (!bothVectors && matching.labels.length > 0) fail(start, 'vector matching only allowed between instant vectors')
  if (!SET_OPERATORS.has(expr.operator)) return
  if (!bothVectors) fail(start, `set operator ${quote(expr.operator)} not allowed in binary scalar expression`)
  if (matching.group !== undefined) fail(start, `no grouping allowed for ${quote(expr.operator)} operation`)
}
