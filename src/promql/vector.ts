// What an expression gives at one moment: elements side by side, labels here and values there, so that arithmetic on a
// thousand series makes no thousand objects.

import { Fault } from '../lib/fault.ts'
import type { Labels } from './labels.ts'

export interface Vector {
  readonly labels: Labels[]
  readonly values: number[]
  differByName: boolean // two elements may differ in nothing but the name: dropping it has to be checked
}

export function makeVector(differByName = false): Vector {
  return { labels: [], values: [], differByName }
}

export function push(vector: Vector, labels: Labels, value: number): void {
  vector.labels.push(labels)
  vector.values.push(value)
}

/** What went wrong with the data and not with the text of an expression. */
export function evaluationFault(why: string, hint?: string): Fault {
  return new Fault({ doing: 'evaluating', target: 'the expression', why, hint })
}

export const SAME_LABELS = 'vector cannot contain metrics with the same labelset'

/** Throws when two elements have the same labels. */
export function expectDistinct(vector: Vector): Vector {
  if (vector.labels.length < 2) return vector
  const seen = new Set<string>()
  for (const labels of vector.labels) seen.add(labels.key)
  if (seen.size !== vector.labels.length)
    throw evaluationFault(SAME_LABELS, 'after the name is dropped nothing tells these series apart')
  return vector
}
