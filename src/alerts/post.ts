// One HTTP POST to somebody else's server, and what its answer means for another attempt: 2xx is done; 408, 429 and 5xx
// may go better later, as may everything that is no answer; any other status meets the same next time. Redirects are
// not followed: what we send may be a secret.

import { reasonOf } from '../lib/fault.ts'
import type { Outcome } from './notifier.ts'

export interface Post {
  readonly url: string
  readonly body: unknown // becomes JSON, unless it is text
  readonly headers?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly secrets: readonly string[] // never shown, whoever says them
}

const MOST_SHOWN = 200

export async function post({ url, body, headers = {}, signal, secrets }: Post): Promise<Outcome> {
  const hide = (text: string): string => hideAll(text, [url, ...secrets])
  try {
    const { target, login } = withoutLogin(url)
    const response = await fetch(target, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'respite', ...login, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      redirect: 'manual',
      signal,
    })
    const { status } = response
    const text = status < 300 ? await drain(response) : await beginningOf(response)
    const says = hide(text === '' ? String(status) : `${status} ${text}`)
    if (status >= 200 && status < 300) return { kind: 'delivered', says: String(status) }
    if (status !== 408 && status !== 429 && status < 500) return { kind: 'refused', says }
    return { kind: 'retry', says, afterMs: retryAfterMs(response.headers.get('retry-after')) }
  } catch (error) {
    return { kind: 'retry', says: hide(signal.aborted ? reasonOf(signal.reason) : networkReason(error)) }
  }
}

/** A login in the URL, which fetch refuses to take, as the header that it stands for. */
function withoutLogin(text: string): { target: URL; login: Record<string, string> } {
  const target = new URL(text)
  const { username, password } = target
  if (username === '' && password === '') return { target, login: {} }
  target.username = ''
  target.password = ''
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')
  return { target, login: { authorization: `Basic ${login}` } }
}

/** fetch says "fetch failed" and keeps what failed as the cause. */
function networkReason(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const code = (cause as { code?: unknown }).code
  const text = reasonOf(cause)
  return typeof code === 'string' && !text.includes(code) ? `${text} (${code})` : text
}

async function drain(response: Response): Promise<string> {
  await response.body?.cancel()
  return ''
}

/** The first words of the answer on one line; an answer without end is not read to its end. */
async function beginningOf(response: Response): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true })
    if (text.length >= MOST_SHOWN) break
  }
  return text
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, MOST_SHOWN)
}

/** Seconds or a date. Source: RFC 9110, 10.2.3. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined
  if (/^\d+$/.test(header)) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now())
}

/** The text without any of the secrets; of a URL also without its path and its query, which are what is secret of it. */
export function hideAll(text: string, secrets: readonly string[]): string {
  const parts = secrets.flatMap((secret) => {
    const url = URL.canParse(secret) ? new URL(secret) : undefined
    return url === undefined ? [secret] : [secret, url.pathname + url.search, url.password, ...longParts(url.pathname)]
  })
  return parts
    .filter((part) => part.length > 3) // shorter ones are no secrets, and would blot out words
    .toSorted((a, b) => b.length - a.length)
    .reduce((shown, part) => shown.replaceAll(part, '…'), text)
}

/** Those that may be a token. */
const longParts = (path: string): string[] => path.split('/').filter((part) => part.length >= 16)
