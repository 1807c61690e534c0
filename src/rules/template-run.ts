// Runs a parsed template on its data. Follows Go's text/template, its messages included: people search for those.

import { builtinFunctions, type TemplateFunction } from './template-functions.ts'
import { prometheusFunctions } from './template-prometheus.ts'
import { GoDuration, GoTime } from './go-time.ts'
import { callMethod } from './template-methods.ts'
import {
  showCommand,
  showOperand,
  showPipe,
  TemplateError,
  type CommandNode,
  type Operand,
  type Pipe,
  type Template,
  type TemplateNode,
} from './template-syntax.ts'
import { lineOf } from './template-tokens.ts'
import {
  GoMap,
  GoStruct,
  isList,
  isTrue,
  printValue,
  typeNameOf,
  type TemplateMoment,
  type Value,
} from './template-value.ts'

const DEEPEST = 500 // templates that call templates

type Ends = 'break' | 'continue' | undefined

/** Throws a TemplateError. */
export function runTemplate(template: Template, data: Value, moment: TemplateMoment): string {
  const run = new Run(template, moment, 0)
  run.start(data, template.nodes)
  return run.text
}

class Run {
  text = ''
  private readonly template: Template
  private readonly moment: TemplateMoment
  private readonly depth: number
  private variables: { name: string; value: Value }[] = []
  private place: { at: number; show: () => string } = { at: 0, show: () => '' } // what an error is said of

  constructor(template: Template, moment: TemplateMoment, depth: number) {
    this.template = template
    this.moment = moment
    this.depth = depth
  }

  start(data: Value, nodes: readonly TemplateNode[]): void {
    this.variables = [{ name: '$', value: data }]
    this.walk(data, nodes)
  }

  private walk(dot: Value, nodes: readonly TemplateNode[]): Ends {
    for (const node of nodes) {
      const ends = this.walkOne(dot, node)
      if (ends !== undefined) return ends
    }
    return undefined
  }

  private walkOne(dot: Value, node: TemplateNode): Ends {
    switch (node.kind) {
      case 'text':
        this.text += node.text
        return undefined
      case 'action': {
        const value = this.evalPipe(dot, node.pipe)
        if (node.pipe.variables.length === 0) this.text += value === undefined ? '<no value>' : printValue(value)
        return undefined
      }
      case 'if':
      case 'with':
      case 'range':
        return this.scoped(() => (node.kind === 'range' ? this.walkRange(dot, node) : this.walkBranch(dot, node)))
      case 'template':
        this.invoke(dot, node)
        return undefined
      default:
        return node.kind
    }
  }

  /** Variables declared within end with it. */
  private scoped<T>(work: () => T): T {
    const known = this.variables.length
    const result = work()
    this.variables.length = known
    return result
  }

  private walkBranch(dot: Value, node: Extract<TemplateNode, { kind: 'if' | 'with' | 'range' }>): Ends {
    const value = this.evalPipe(dot, node.pipe)
    if (!isTrue(value)) return this.walk(dot, node.otherwise)
    return this.walk(node.kind === 'with' ? value : dot, node.body)
  }

  private walkRange(
    dot: Value,
    { pipe, body, otherwise }: Extract<TemplateNode, { kind: 'if' | 'with' | 'range' }>,
  ): Ends {
    const entries = this.entriesOf(this.evalPipe(dot, { ...pipe, variables: [] }))
    if (entries.length === 0) return this.walk(dot, otherwise)
    const names = pipe.variables
    for (const [key, value] of entries) {
      const ends = this.scoped(() => {
        const given = names.length === 2 ? [key, value] : [value]
        for (const [at, name] of names.entries()) this.give(name, given[at], pipe.declares)
        return this.walk(value, body)
      })
      if (ends === 'break') break
    }
    return undefined
  }

  private entriesOf(value: Value): (readonly [Value, Value])[] {
    if (isList(value)) return value.map((each, at) => [BigInt(at), each])
    if (value instanceof GoMap) return value.keys().map((key) => [key, value.get(key)])
    if (typeof value === 'bigint') return Array.from({ length: Number(value) }, (_none, at) => [BigInt(at), BigInt(at)])
    if (value === undefined) return []
    return this.fail(`range can't iterate over ${printValue(value)}`)
  }

  private invoke(dot: Value, { name, pipe, at }: Extract<TemplateNode, { kind: 'template' }>): void {
    const given = pipe === undefined ? '' : ` ${showPipe(pipe)}`
    this.place = { at, show: () => `{{template ${JSON.stringify(name)}${given}}}` }
    const nodes = this.template.defined.get(name)
    if (nodes === undefined) this.fail(`template ${JSON.stringify(name)} not defined`)
    if (this.depth >= DEEPEST) this.fail(`exceeded maximum template depth (${DEEPEST})`)
    const inner = new Run(this.template, this.moment, this.depth + 1)
    inner.start(pipe === undefined ? undefined : this.evalPipe(dot, pipe), nodes)
    this.text += inner.text
  }

  private give(name: string, value: Value, declares: boolean): void {
    const known = declares ? undefined : this.variables.findLast((variable) => variable.name === name)
    if (known === undefined) this.variables.push({ name, value })
    else known.value = value
  }

  private evalPipe(dot: Value, pipe: Pipe): Value {
    this.place = { at: pipe.at, show: () => showPipe(pipe) }
    let value: Value
    for (const [at, command] of pipe.commands.entries()) value = this.evalCommand(dot, command, at === 0 ? [] : [value])
    for (const name of pipe.variables) this.give(name, value, pipe.declares)
    return value
  }

  /** `final` holds what the command before in the pipe gave: it becomes the last argument. */
  private evalCommand(dot: Value, command: CommandNode, final: readonly Value[]): Value {
    const [first, ...rest] = command.args
    if (first === undefined) return undefined
    if (first.kind === 'function') return this.evalFunction(dot, first.name, command, rest, final)
    const path = pathOf(first)
    if (path === undefined || path.length === 0) {
      if (rest.length > 0 || final.length > 0) {
        this.mark(first)
        this.fail(`can't give argument to non-function ${showOperand(first)}`)
      }
      return this.evalOperand(dot, first)
    }
    const receiver = this.receiverOf(dot, first)
    return this.evalPath(receiver, path, () => [...rest.map((arg) => this.evalOperand(dot, arg)), ...final])
  }

  private evalOperand(dot: Value, operand: Operand): Value {
    const path = pathOf(operand)
    if (path !== undefined) return this.evalPath(this.receiverOf(dot, operand), path, () => [])
    this.mark(operand)
    switch (operand.kind) {
      case 'dot':
        return dot
      case 'constant':
        return operand.value
      case 'function':
        return this.evalFunction(dot, operand.name, { at: operand.at, args: [operand] }, [], [])
      case 'pipe':
        return this.evalPipe(dot, operand.pipe)
      default:
        return undefined
    }
  }

  private receiverOf(dot: Value, operand: Operand): Value {
    this.mark(operand)
    if (operand.kind === 'variable') return this.variables.findLast(({ name }) => name === operand.name)?.value
    return operand.kind === 'chain' ? this.evalOperand(dot, operand.of) : dot
  }

  /** `.a.b.c`; the arguments are for the last, where it is a method. */
  private evalPath(receiver: Value, path: readonly string[], args: () => Value[]): Value {
    let value = receiver
    for (const [at, name] of path.entries()) {
      const given = at === path.length - 1 ? args() : []
      value = this.evalField(value, name, given)
    }
    return value
  }

  private evalField(value: Value, name: string, args: readonly Value[]): Value {
    if (value instanceof GoTime || value instanceof GoDuration) {
      const result = callMethod(value, name, args)
      return result === undefined ? this.fail(`can't evaluate field ${name} in type ${typeNameOf(value)}`) : result
    }
    const found = this.fieldOf(value, name)
    if (args.length > 0) this.fail(`${name} has arguments but cannot be invoked as function`)
    return found
  }

  private fieldOf(value: Value, name: string): Value {
    if (value === undefined) return undefined
    if (value instanceof GoMap) return value.get(name)
    if (value instanceof GoStruct && Object.hasOwn(value.fields, name)) return value.fields[name]
    return this.fail(`can't evaluate field ${name} in type ${typeNameOf(value)}`)
  }

  private evalFunction(
    dot: Value,
    name: string,
    command: CommandNode,
    operands: readonly Operand[],
    final: readonly Value[],
  ): Value {
    this.place = { at: command.at, show: () => showCommand(command) }
    if (name === 'and' || name === 'or') return this.evalLogic(dot, name, operands, final)
    const called = prometheusFunctions.get(name) ?? builtinFunctions.get(name)
    if (called === undefined) return this.fail(`${JSON.stringify(name)} is not a defined function`)
    const count = operands.length + final.length
    if (count < called.least || count > called.most) this.fail(wrongCount(name, called, count))
    const args = operands.map((operand, at) => {
      const value = this.evalOperand(dot, operand)
      const why = called.objection(value, at)
      if (why !== undefined) {
        this.mark(operand)
        this.fail(operand.kind === 'constant' ? `expected ${why}; found ${operand.text}` : wrongType(why, value))
      }
      return value
    })
    for (const [at, value] of final.entries()) {
      const why = called.objection(value, operands.length + at)
      if (why !== undefined) this.fail(wrongType(why, value))
    }
    try {
      return called.call([...args, ...final], this.moment)
    } catch (error) {
      if (error instanceof TemplateError) throw error
      this.place = { at: command.at, show: () => showCommand(command) }
      return this.fail(`error calling ${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  /** The operands after the one that decides are not evaluated. */
  private evalLogic(dot: Value, name: 'and' | 'or', operands: readonly Operand[], final: readonly Value[]): Value {
    if (operands.length + final.length === 0) this.fail(`wrong number of args for ${name}: want at least 1 got 0`)
    let value: Value
    for (const operand of operands) {
      value = this.evalOperand(dot, operand)
      if (isTrue(value) === (name === 'or')) return value
    }
    return final.length > 0 ? final[0] : value
  }

  private mark(operand: Operand): void {
    this.place = { at: operand.at, show: () => showOperand(operand) }
  }

  private fail(message: string): never {
    const { name, text } = this.template
    const before = text.slice(0, this.place.at)
    const column = Buffer.byteLength(before.slice(before.lastIndexOf('\n') + 1))
    const where = `${name}:${lineOf(text, this.place.at)}:${column}`
    throw new TemplateError(
      `template: ${where}: executing ${JSON.stringify(name)} at <${this.place.show()}>: ${message}`,
    )
  }
}

function pathOf(operand: Operand): readonly string[] | undefined {
  return operand.kind === 'field' || operand.kind === 'variable' || operand.kind === 'chain' ? operand.path : undefined
}

function wrongCount(name: string, { least, most }: TemplateFunction, count: number): string {
  return `wrong number of args for ${name}: want ${most === Infinity ? `at least ${least}` : least} got ${count}`
}

function wrongType(expected: string, value: Value): string {
  return `wrong type for value; expected ${expected}; got ${typeNameOf(value)}`
}
