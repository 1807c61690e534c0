// Reads a template of Go's text/template, as Prometheus uses it in labels and annotations: pipelines, variables, if, range,
// with, define, template, block. Mistakes are found when the rule is loaded, not when it fires at night.

import { unquote } from '../promql/literals.ts'
import {
  showOperand,
  TemplateError,
  type CommandNode,
  type Operand,
  type Pipe,
  type Template,
  type TemplateNode,
} from './template-syntax.ts'
import { lineOf, tokenizeTemplate, type Token, type TokenKind } from './template-tokens.ts'

const END_WORDS = new Set(['end', 'else'])
const KEYWORDS = new Set(['if', 'range', 'with', 'end', 'else', 'define', 'template', 'block', 'break', 'continue'])

/** Throws a TemplateError. `name` is what messages call the template. */
export function parseTemplate(text: string, name: string, functions: ReadonlySet<string>): Template {
  const parser = new Parser(text, name, functions)
  const nodes = parser.parseAll()
  return { name, text, nodes, defined: parser.defined }
}

class Parser {
  readonly defined = new Map<string, readonly TemplateNode[]>()
  private readonly text: string
  private readonly name: string
  private readonly functions: ReadonlySet<string>
  private readonly tokens: readonly Token[]
  private at = 0
  private variables: string[] = ['$']
  private loops = 0

  constructor(text: string, name: string, functions: ReadonlySet<string>) {
    this.text = text
    this.name = name
    this.functions = functions
    this.tokens = tokenizeTemplate(text, name)
  }

  parseAll(): TemplateNode[] {
    const { nodes, ended } = this.parseList(true)
    if (ended !== 'end of text') this.fail(`unexpected {{${ended}}}`)
    return nodes
  }

  private parseList(isTop: boolean): { nodes: TemplateNode[]; ended: string } {
    const nodes: TemplateNode[] = []
    for (;;) {
      const token = this.take()
      if (token.kind === 'end') {
        if (!isTop) this.fail('unexpected EOF')
        return { nodes, ended: 'end of text' }
      }
      if (token.kind === 'text') {
        nodes.push({ kind: 'text', text: token.text })
        continue
      }
      const word = this.peekWord()
      if (END_WORDS.has(word)) {
        this.take()
        if (word === 'end') this.expectClose('end')
        return { nodes, ended: word }
      }
      const node = this.parseAction(word, isTop)
      if (node !== undefined) nodes.push(node)
    }
  }

  private parseAction(word: string, isTop: boolean): TemplateNode | undefined {
    if (KEYWORDS.has(word)) this.take()
    switch (word) {
      case 'if':
      case 'with':
      case 'range':
        return this.parseControl(word)
      case 'define':
        if (!isTop) this.fail('unexpected {{define}}')
        return this.parseDefine()
      case 'template':
      case 'block':
        return this.parseInvocation(word)
      case 'break':
      case 'continue':
        if (this.loops === 0) this.fail(`{{${word}}} outside {{range}}`)
        this.expectClose(`{{${word}}}`)
        return { kind: word }
      default:
        return { kind: 'action', pipe: this.parsePipe('command', 'close') }
    }
  }

  private parseControl(kind: 'if' | 'with' | 'range'): TemplateNode {
    const known = this.variables.length
    const pipe = this.parsePipe(kind, 'close')
    if (kind === 'range') this.loops += 1
    const first = this.parseList(false)
    if (kind === 'range') this.loops -= 1
    let otherwise: TemplateNode[] = []
    if (first.ended === 'else') otherwise = this.parseElse(kind)
    this.variables.length = known
    return { kind, pipe, body: first.nodes, otherwise }
  }

  /** `{{ else }} … {{ end }}`, or `{{ else if … }}`, whose end is also ours. */
  private parseElse(kind: 'if' | 'with' | 'range'): TemplateNode[] {
    const word = this.peekWord()
    if (kind !== 'range' && word === kind) {
      this.take()
      return [this.parseControl(kind)]
    }
    this.expectClose('else')
    const { nodes, ended } = this.parseList(false)
    if (ended === 'else') this.fail('expected end; found {{else}}')
    return nodes
  }

  private parseDefine(): undefined {
    const name = this.parseName('define clause')
    this.expectClose('define clause')
    const outer = this.variables
    this.variables = ['$']
    const { nodes, ended } = this.parseList(false)
    if (ended === 'else') this.fail('unexpected {{else}} in define clause')
    this.variables = outer
    this.defined.set(name, nodes)
    return undefined
  }

  private parseInvocation(word: 'template' | 'block'): TemplateNode {
    const at = this.peek().at
    const name = this.parseName(`${word} clause`)
    const isBare = this.peek().kind === 'close'
    const pipe = isBare ? undefined : this.parsePipe(`${word} clause`, 'close')
    if (isBare) this.take()
    if (word === 'template') return { kind: 'template', name, pipe, at }
    if (isBare) this.fail('missing value for block clause')
    const outer = this.variables
    this.variables = ['$']
    this.defined.set(name, this.parseList(false).nodes)
    this.variables = outer
    return { kind: 'template', name, pipe, at }
  }

  private parseName(context: string): string {
    const token = this.take()
    const name = token.kind === 'string' ? unquote(token.text) : undefined
    return name ?? this.unexpected(token, context)
  }

  private parsePipe(context: string, end: 'close' | ')'): Pipe {
    const at = this.peek().at
    const { variables, declares } = this.parseDeclarations(context)
    const commands: CommandNode[] = []
    for (;;) {
      const token = this.peek()
      const isEnd = token.kind === end || (token.kind === 'sign' && token.text === end)
      if (isEnd && commands.length === 0) this.fail(`missing value for ${context}`)
      if (!isEnd && (token.kind === 'close' || token.kind === 'end' || isStray(token))) {
        this.take()
        this.unexpected(token, context)
      }
      if (!isEnd) commands.push(this.parseCommand())
      const after = this.peek()
      if (after.kind === 'sign' && after.text === '|') {
        this.take()
        if (this.peek().kind === end || this.peek().text === end) this.fail('missing value for command')
      } else {
        if (after.kind !== end && after.text !== end) this.unexpected(this.take(), context)
        this.take()
        this.checkPipe(commands)
        if (declares) this.variables.push(...variables)
        return { at, variables, declares, commands }
      }
    }
  }

  private parseDeclarations(context: string): { variables: string[]; declares: boolean } {
    const start = this.at
    const variables: string[] = []
    for (;;) {
      const variable = this.peek()
      if (variable.kind !== 'variable') break
      this.take()
      const sign = this.peek()
      variables.push(variable.text)
      if (sign.text === ':=' || sign.text === '=') {
        this.take()
        if (sign.text === '=') variables.forEach((name) => this.expectKnown(name))
        return { variables, declares: sign.text === ':=' }
      }
      if (sign.text !== ',' || context !== 'range') break
      this.take()
      if (variables.length > 1) this.fail('too many declarations in range')
    }
    this.at = start
    return { variables: [], declares: false }
  }

  private checkPipe(commands: readonly CommandNode[]): void {
    for (const [index, { args }] of commands.slice(1).entries()) {
      const first = args[0]
      if (first?.kind === 'constant' || first?.kind === 'dot' || first?.kind === 'nil')
        this.fail(`non executable command in pipeline stage ${index + 2}`)
    }
  }

  /** Operands with spaces between them, until the pipe goes on or ends. */
  private parseCommand(): CommandNode {
    const at = this.peek().at
    const args: Operand[] = []
    for (;;) {
      this.skipSpace()
      const operand = this.parseOperand()
      if (operand !== undefined) args.push(operand)
      const next = this.tokens[this.at]
      if (next?.kind === 'space') {
        this.skipSpace()
        if (!isEndOfCommand(this.tokens[this.at])) continue
      } else if (!isEndOfCommand(next)) this.unexpected(this.take(), 'operand')
      if (args.length === 0) this.fail('empty command')
      return { at, args }
    }
  }

  private parseOperand(): Operand | undefined {
    const of = this.parseTerm()
    if (of === undefined) return undefined
    const path: string[] = []
    const at = this.tokens[this.at]?.at ?? of.at // Go says the place of the first field
    while (this.tokens[this.at]?.kind === 'field') path.push(this.take().text.slice(1))
    if (path.length === 0) return of
    switch (of.kind) {
      case 'field':
        return { ...of, at, path: [...of.path, ...path] }
      case 'variable':
        return { ...of, at, path: [...of.path, ...path] }
      case 'constant':
      case 'nil':
      case 'dot':
        return this.fail(`unexpected . after term "${showOperand(of)}"`)
      default:
        return { kind: 'chain', at, of, path }
    }
  }

  private parseTerm(): Operand | undefined {
    const token = this.tokens[this.at]
    if (token === undefined) return undefined
    const { at, text } = token
    const taken = (operand: Operand): Operand => {
      this.at += 1
      return operand
    }
    switch (token.kind) {
      case 'word':
        return taken(this.parseWord(text, at))
      case 'field':
        return taken({ kind: 'field', at, path: [text.slice(1)] })
      case 'variable':
        this.expectKnown(text)
        return taken({ kind: 'variable', at, name: text, path: [] })
      case 'number':
      case 'character':
        return taken({ kind: 'constant', at, value: this.parseNumber(token), text })
      case 'string':
        return taken({ kind: 'constant', at, value: unquote(text) ?? this.fail(`invalid syntax`), text })
      default:
        break
    }
    if (text === '.' && token.kind === 'sign') return taken({ kind: 'dot', at })
    if (text !== '(' || token.kind !== 'sign') return undefined
    this.at += 1
    return { kind: 'pipe', at, pipe: this.parsePipe('parenthesized pipeline', ')') }
  }

  private parseWord(text: string, at: number): Operand {
    if (text === 'nil') return { kind: 'nil', at }
    if (text === 'true' || text === 'false') return { kind: 'constant', at, value: text === 'true', text }
    if (KEYWORDS.has(text)) this.fail(`unexpected <${text}> in operand`)
    if (!this.functions.has(text)) this.fail(`function "${text}" not defined`)
    return { kind: 'function', at, name: text }
  }

  private parseNumber({ kind, text }: Token): bigint | number {
    if (kind === 'character') return BigInt(unquote(text)?.codePointAt(0) ?? 0)
    const plain = text.replaceAll('_', '')
    const sign = plain.startsWith('-') ? -1n : 1n
    const size = plain.replace(/^[+-]/, '')
    if (/^(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|\d+)$/.test(size))
      return sign * BigInt(/^0\d+$/.test(size) ? `0o${size}` : size)
    if (/^(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(size)) return Number(sign) * Number(size)
    return this.fail(`bad number syntax: ${JSON.stringify(text)}`)
  }

  private expectKnown(name: string): void {
    if (!this.variables.includes(name)) this.fail(`undefined variable "${name}"`)
  }

  private expectClose(context: string): void {
    const token = this.peek()
    this.take()
    if (token.kind !== 'close') this.unexpected(token, context)
  }

  private skipSpace(): void {
    if (this.tokens[this.at]?.kind === 'space') this.at += 1
  }

  private peek(): Token {
    this.skipSpace()
    return this.tokens[this.at] as Token // `end` is the last and never passed
  }

  private peekWord(): string {
    const token = this.peek()
    return token.kind === 'word' ? token.text : ''
  }

  private take(): Token {
    const token = this.peek()
    if (token.kind !== 'end') this.at += 1
    return token
  }

  private unexpected(token: Token, context: string): never {
    const names: Partial<Record<TokenKind, string>> = { end: 'EOF' }
    const word = names[token.kind] ?? (KEYWORDS.has(token.text) ? `<${token.text}>` : JSON.stringify(token.text))
    return this.fail(`unexpected ${word} in ${context}`)
  }

  private fail(message: string): never {
    const { at } = this.tokens[Math.max(0, this.at - 1)] ?? { at: 0 }
    throw new TemplateError(`template: ${this.name}:${lineOf(this.text, at)}: ${message}`)
  }
}

function isEndOfCommand(token: Token | undefined): boolean {
  return token?.kind === 'close' || (token?.kind === 'sign' && (token.text === '|' || token.text === ')'))
}

function isStray({ kind, text }: Token): boolean {
  return kind === 'sign' && text !== '.' && text !== '('
}
