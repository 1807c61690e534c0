// Secrets that a command line of Redis can hold, taken out before it is shown, logged or kept. The server does part of
// this by itself (since 6.2, more in 7.0), but a slow log read from an old one would hand passwords round.

const REDACTED = '(redacted)' // the server's own word for it

/** Settings whose value is a secret; Valkey's names included. */
const SECRET_SETTINGS: ReadonlySet<string> = new Set([
  'masterauth',
  'primaryauth',
  'requirepass',
  'sentinel-pass',
  'auth-pass',
  'tls-client-key-file-pass',
  'tls-key-file-pass',
])

/** Is the value of this setting a secret? */
export function isSecretSetting(name: string): boolean {
  return SECRET_SETTINGS.has(name.toLowerCase())
}

/** The command with every secret replaced by `(redacted)`; its length stays. */
export function redactCommand(words: readonly string[]): string[] {
  const [command = '', sub = ''] = words.map((word) => word.toUpperCase())
  if (command === 'AUTH') return hideFrom(words, words.length > 2 ? 2 : 1)
  if (command === 'HELLO') return hideAfter(words, { AUTH: [2] })
  if (command === 'MIGRATE') return hideAfter(words, { AUTH: [1], AUTH2: [2] })
  if (command === 'CONFIG' && sub === 'SET') return hideSettings(words, 2)
  if (command === 'SENTINEL' && (sub === 'SET' || sub === 'CONFIG')) return hideSettings(words, 3)
  if (command === 'ACL' && sub === 'SETUSER')
    return words.map((word, at) => (at > 2 && /^[><#!]/.test(word) ? `${word.charAt(0)}${REDACTED}` : word))
  return [...words]
}

function hideFrom(words: readonly string[], from: number): string[] {
  return words.map((word, at) => (at >= from ? REDACTED : word))
}

/** Hides the words that stand so far behind an option, wherever the option stands. */
function hideAfter(words: readonly string[], options: Record<string, readonly number[]>): string[] {
  const hidden = new Set<number>()
  words.forEach((word, at) => {
    for (const distance of options[word.toUpperCase()] ?? []) hidden.add(at + distance)
  })
  return words.map((word, at) => (hidden.has(at) ? REDACTED : word))
}

/** Hides the values of secret settings among `name value` pairs. */
function hideSettings(words: readonly string[], from: number): string[] {
  return words.map((word, at) => (at > from && isSecretSetting(words[at - 1] ?? '') ? REDACTED : word))
}

/** The command line of a server, `redis-server FILE --requirepass …`, without its secrets. */
export function redactArguments(words: readonly string[]): string[] {
  let setting = ''
  return words.map((word) => {
    if (word.startsWith('--')) {
      setting = word.slice(2).split(/[\s=]/, 1)[0] ?? ''
      const isWhole = word.length > setting.length + 2 // `--requirepass x` as one argument
      return isWhole && isSecretSetting(setting) ? `--${setting} ${REDACTED}` : word
    }
    if (isSecretSetting(setting)) return REDACTED
    return setting === 'user' && /^[><#!]/.test(word) ? `${word.charAt(0)}${REDACTED}` : word
  })
}

/** A line in which a server shows the line of its configuration that it could not take: `>>> 'requirepass a b'`. */
export function redactConfigLine(line: string): string {
  const [, before, words] = /^(>>> ')(.*)'$/.exec(line) ?? []
  if (before === undefined || words === undefined) return line
  const [first = '', second = ''] = words.replaceAll('"', '').split(/\s+/)
  if (isSecretSetting(first)) return `${before}${first} ${REDACTED}'`
  if (isSecretSetting(second)) return `${before}${first} ${second} ${REDACTED}'` // sentinel auth-pass NAME …
  return first === 'user' ? `${before}user ${second} ${REDACTED}'` : line
}
