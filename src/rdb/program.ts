// A layout (layouts.ts) as a program of small steps, so that passing over a value can stop at any byte and go on later:
// where it stands is the number of a step, and a count for each loop that is open.

import type { Packed, Packing, Part, Times } from './layouts.ts'

// What one step does. `a` and `b` are its operands.
export const STRINGS = 0 // count, then a × count strings; b = 1: the count is that of the elements
export const STRING = 1
export const TEXT = 2
export const ONE = 3
export const LENGTH = 4
export const ELEMENTS = 5
export const DOUBLE = 6
export const BYTES = 7 // a bytes
export const PACKED = 8 // a entries make an element, after b; `packing` says of what
export const COUNT = 9 // opens a loop; b = 1: of the elements
export const WHILE = 10 // closes the loop and goes to step a, or counts down
export const JUMP = 11 // to step a
export const CASE = 12 // to the step of `cases` that the number here names
export const MODULE_ID = 13
export const MODULE_VALUES = 14
export const TEMPLATE = 15
export const TEMPLATE_VALUES = 16 // opens a loop
export const FIELD_VALUES = 17 // opens a loop
export const COMMAND = 18
export const DONE = 19

export interface Step {
  readonly does: number
  a: number
  b: number
  packing: Packing | undefined
  cases: (number | undefined)[] | undefined
}

export type Program = readonly Step[]

/** The steps of a layout. */
export function programOf(layout: readonly Part[]): Program {
  const steps: Step[] = []
  addAll(steps, layout)
  add(steps, DONE)
  return steps
}

/**
 * The operands are made small integers, whatever they were: V8 keeps a number as a double once an object of the same shape
 * had one there (`{ bytes }` with the size of a large file has that of a layout's `{ bytes: 8 }`), and from a step it would
 * go on into the cursor, whose code is then thrown away and compiled again, for doubles.
 */
function add(steps: Step[], does: number, a = 0, b = 0): Step {
  const step: Step = { does, a: a | 0, b: b | 0, packing: undefined, cases: undefined }
  steps.push(step)
  return step
}

function addAll(steps: Step[], parts: readonly Part[]): void {
  for (const part of parts) {
    if (typeof part === 'string') addNamed(steps, part)
    else if ('bytes' in part) add(steps, BYTES, part.bytes)
    else if ('packed' in part) addPacked(steps, part)
    else if ('times' in part) addTimes(steps, part)
    else addCases(steps, part.oneOf)
  }
}

const NAMED: Readonly<Record<Extract<Part, string>, number>> = {
  string: STRING,
  text: TEXT,
  one: ONE,
  length: LENGTH,
  elements: ELEMENTS,
  double: DOUBLE,
  'module id': MODULE_ID,
  'module values': MODULE_VALUES,
  template: TEMPLATE,
  'template values': TEMPLATE_VALUES,
  'field values': FIELD_VALUES,
  command: COMMAND,
}

function addNamed(steps: Step[], part: Extract<Part, string>): void {
  add(steps, NAMED[part])
  if (part === 'template' || part === 'template values' || part === 'field values') addLoop(steps, ['string'])
}

function addPacked(steps: Step[], { packed, per, less }: Packed): void {
  add(steps, PACKED, per, less).packing = packed
}

function addTimes(steps: Step[], { times, first = [], counted }: Times): void {
  const b = counted ? 1 : 0
  if (first.length === 0 && times.every((part) => part === 'string')) {
    add(steps, STRINGS, times.length, b)
    return
  }
  add(steps, COUNT, 0, b)
  addAll(steps, first)
  addLoop(steps, times)
}

function addLoop(steps: Step[], body: readonly Part[]): void {
  const top = steps.length
  const loop = add(steps, WHILE)
  addAll(steps, body)
  add(steps, JUMP, top)
  loop.a = steps.length
}

function addCases(steps: Step[], oneOf: readonly (readonly Part[] | undefined)[]): void {
  const choice = add(steps, CASE)
  const ends: Step[] = []
  choice.cases = oneOf.map((parts) => {
    if (parts === undefined) return undefined
    const start = steps.length
    addAll(steps, parts)
    ends.push(add(steps, JUMP))
    return start
  })
  for (const end of ends) end.a = steps.length
}
