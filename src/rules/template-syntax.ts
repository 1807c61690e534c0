// What a template is made of once it is parsed, and how each part is written: messages quote the part that failed.

export type TemplateNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipe: Pipe }
  | {
      readonly kind: 'if' | 'with' | 'range'
      readonly pipe: Pipe
      readonly body: readonly TemplateNode[]
      readonly otherwise: readonly TemplateNode[]
    }
  | { readonly kind: 'template'; readonly name: string; readonly pipe: Pipe | undefined; readonly at: number }
  | { readonly kind: 'break' | 'continue' }

export interface Pipe {
  readonly at: number // offset in the text of the template, as all of these
  readonly variables: readonly string[] // what the result is given to
  readonly declares: boolean // `:=`, not `=`
  readonly commands: readonly CommandNode[]
}

export interface CommandNode {
  readonly at: number
  readonly args: readonly Operand[] // the first is the function, or the only one
}

export type Operand =
  | { readonly kind: 'dot' | 'nil'; readonly at: number }
  | {
      readonly kind: 'constant'
      readonly at: number
      readonly value: boolean | bigint | number | string
      readonly text: string
    }
  | { readonly kind: 'field'; readonly at: number; readonly path: readonly string[] }
  | { readonly kind: 'variable'; readonly at: number; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: 'function'; readonly at: number; readonly name: string }
  | { readonly kind: 'pipe'; readonly at: number; readonly pipe: Pipe }
  | { readonly kind: 'chain'; readonly at: number; readonly of: Operand; readonly path: readonly string[] }

export interface Template {
  readonly name: string
  readonly text: string
  readonly nodes: readonly TemplateNode[]
  readonly defined: ReadonlyMap<string, readonly TemplateNode[]> // by {{ define }}
}

/** A template that cannot be parsed or executed; the message is worded as Go's. */
export class TemplateError extends Error {}

export function showPipe({ variables, declares, commands }: Pipe): string {
  const given = variables.length === 0 ? '' : `${variables.join(', ')} ${declares ? ':=' : '='} `
  return given + commands.map(showCommand).join(' | ')
}

export function showCommand({ args }: CommandNode): string {
  return args.map((arg) => (arg.kind === 'pipe' ? `(${showPipe(arg.pipe)})` : showOperand(arg))).join(' ')
}

export function showOperand(operand: Operand): string {
  switch (operand.kind) {
    case 'dot':
      return '.'
    case 'nil':
      return 'nil'
    case 'constant':
      return operand.text
    case 'field':
      return `.${operand.path.join('.')}`
    case 'variable':
      return [operand.name, ...operand.path].join('.')
    case 'function':
      return operand.name
    case 'pipe':
      return showPipe(operand.pipe)
    case 'chain':
      return [
        operand.of.kind === 'pipe' ? `(${showOperand(operand.of)})` : showOperand(operand.of),
        ...operand.path,
      ].join('.')
  }
}
