// How the command line speaks to the daemon of this machine: HTTP over the unix socket in its data folder. A fault that
// the daemon answers with comes out as the same Fault here.

import { request } from 'node:http'
import { join } from 'node:path'
import { Fault, reasonOf } from '../lib/fault.ts'
import { faultSchema } from './contract.ts'
import { SOCKET_NAME } from './start-api.ts'

export interface Question {
  readonly dataDir: string
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: unknown
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 20_000 // a notifier that is tested may take ten seconds

/** The daemon's answer, parsed. Throws a Fault: no daemon, no answer, or what the daemon itself refused. */
export async function askDaemon({ dataDir, ...question }: Question): Promise<unknown> {
  const socketPath = join(dataDir, SOCKET_NAME)
  const { status, text } = await exchange(socketPath, question)
  const answer = parseAnswer(text, socketPath)
  if (status < 400) return answer
  const refused = faultSchema.safeParse(answer)
  if (!refused.success) throw unexpected(socketPath, `it answered ${status}`)
  const { doing, target, why, hint } = refused.data.fault
  throw new Fault({ doing, target, why, hint, exit: status === 409 ? 1 : status === 400 ? 64 : 2 })
}

function exchange(
  socketPath: string,
  { method, path, body, timeoutMs = TIMEOUT_MS }: Omit<Question, 'dataDir'>,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const asked = request({ socketPath, method, path, headers, timeout: timeoutMs, agent: false })
    asked.once('error', (error: NodeJS.ErrnoException) => reject(noDaemon(socketPath, error)))
    asked.once('timeout', () => asked.destroy(new Error(`no answer within ${timeoutMs / 1_000} s`)))
    asked.once('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', (error) => reject(noDaemon(socketPath, error)))
      response.once('end', () => {
        resolve({ status: response.statusCode ?? 500, text: Buffer.concat(chunks).toString('utf8') })
      })
    })
    asked.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

function parseAnswer(text: string, socketPath: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw unexpected(socketPath, 'it did not answer with JSON')
  }
}

function unexpected(socketPath: string, why: string): Fault {
  return new Fault({
    doing: 'asking the daemon at',
    target: socketPath,
    why,
    hint: 'Is it another version of Respite?',
  })
}

function noDaemon(target: string, cause: NodeJS.ErrnoException): Fault {
  const absent = cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED'
  if (cause.code === 'EACCES')
    return new Fault({
      doing: 'asking the daemon at',
      target,
      why: 'this user may not open its socket',
      hint: 'Run the command as the user that runs the daemon.',
      exit: 1,
      cause,
    })
  return new Fault({
    doing: 'asking the daemon at',
    target,
    why: absent ? 'no daemon runs there' : reasonOf(cause),
    hint: 'Start one with respite watch, or give the folder of its --data.',
    cause,
  })
}
