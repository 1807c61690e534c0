// The words of a template: text as it stands, and between {{ and }} names, fields, variables, numbers and strings. Spaces
// count there: `.a.b` is one operand and `.a .b` are two. `{{-` and `-}}` eat the white space beside them.

import { TemplateError } from './template-syntax.ts'

export type TokenKind =
  | 'text'
  | 'open'
  | 'close'
  | 'space'
  | 'field'
  | 'variable'
  | 'word'
  | 'number'
  | 'string'
  | 'character'
  | 'sign'
  | 'end'

export interface Token {
  readonly kind: TokenKind
  readonly text: string
  readonly at: number
}

const COMMENT = /\{\{(?:- )?\/\*[^]*?\*\/(?:\s+-)?\}\}/y
const OPEN = /\{\{(?:-(?=\s))?/y
const CLOSE = /(?:\s+-)?\}\}/y
const SPACE = /[ \t\r\n]+/y
const STRING = /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y
const CHARACTER = /'(?:[^'\\\n]|\\[^\n]+?)'/y
const NUMBER = /[+-]?(?:\d|\.\d)[\w.+-]*/y
const NAME = /[\p{L}_][\p{L}\p{N}_]*/uy
const FIELD = /\.[\p{L}_][\p{L}\p{N}_]*/uy
const VARIABLE = /\$[\p{L}\p{N}_]*/uy
const SIGN = /:=|[!-~]/y

export function tokenizeTemplate(text: string, name: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  let inAction = false
  let openedAt = 0
  const fail = (message: string): never => {
    throw new TemplateError(`template: ${name}:${lineOf(text, at)}: ${message}`)
  }
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(text)?.[0]
  }
  const add = (kind: TokenKind, word: string): void => {
    tokens.push({ kind, text: word, at })
    at += word.length
  }
  while (at < text.length) {
    if (!inAction) {
      const next = text.indexOf('{{', at)
      const plain = text.slice(at, next === -1 ? text.length : next)
      if (plain !== '') add('text', plain)
      if (next === -1) break
      const comment = match(COMMENT)
      if (comment === undefined) {
        openedAt = at
        add('open', match(OPEN) ?? '{{')
        inAction = true
      } else add('text', comment) // trimmed below
      continue
    }
    const close = match(CLOSE)
    if (close !== undefined) {
      add('close', close)
      inAction = false
      continue
    }
    const [kind, word] = wordAt(match) ?? []
    if (kind === undefined || word === undefined) {
      if (text[at] === '"') fail('unterminated quoted string')
      if (text[at] === '`') fail('unterminated raw quoted string')
      fail(`unrecognized character in action: ${describeCharacter(text.codePointAt(at) ?? 0)}`)
    } else add(kind, word)
  }
  if (inAction) {
    at = openedAt
    fail('unclosed action')
  }
  tokens.push({ kind: 'end', text: '', at: text.length })
  return trimmed(tokens)
}

function wordAt(match: (pattern: RegExp) => string | undefined): [TokenKind, string] | undefined {
  const kinds: readonly (readonly [TokenKind, RegExp])[] = [
    ['space', SPACE],
    ['string', STRING],
    ['character', CHARACTER],
    ['number', NUMBER],
    ['field', FIELD],
    ['variable', VARIABLE],
    ['word', NAME],
    ['sign', SIGN],
  ]
  for (const [kind, pattern] of kinds) {
    const word = match(pattern)
    if (word !== undefined && !/^["'`]$/.test(word)) return [kind, word]
  }
  return undefined
}

/** White space beside `{{-` and `-}}` goes, and so do comments. */
function trimmed(tokens: readonly Token[]): Token[] {
  const isComment = ({ kind, text }: Token): boolean => kind === 'text' && text.startsWith('{{')
  return tokens.flatMap((token, index) => {
    if (token.kind !== 'text') return [token]
    if (isComment(token)) return []
    const before = tokens[index - 1]?.text ?? ''
    const after = tokens[index + 1]
    let text = token.text
    if (before.endsWith('-}}')) text = text.trimStart()
    if (after !== undefined && (after.kind === 'open' || isComment(after)) && after.text.startsWith('{{-'))
      text = text.trimEnd()
    return text === '' ? [] : [{ ...token, text }]
  })
}

export function lineOf(text: string, at: number): number {
  return text.slice(0, at).split('\n').length
}

function describeCharacter(code: number): string {
  const hex = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
  const character = String.fromCodePoint(code)
  return /[\p{L}\p{N}\p{P}\p{S}]/u.test(character) ? `${hex} '${character}'` : hex
}
