// A stranger on loopback that speaks as a server would, for what no server on this machine can be brought to say: the
// words of other versions, bytes that come one by one, and nonsense. What installs is tested for real elsewhere.

import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { Source } from '../src/replication/handshake.ts'

export interface ScriptedServer {
  readonly source: Source
  readonly heard: string[] // commands in lower case, words parted by spaces
}

/** `answer` gets each command and the socket; what it returns is sent. */
export async function startScriptedServer(
  t: TestContext,
  answer: (command: string, socket: Socket, connection: number) => string | undefined,
): Promise<ScriptedServer> {
  const heard: string[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const listener = createServer((socket) => {
    const connection = (connections += 1)
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    let text = ''
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1')
      // One command at a time: it ends where the words that it announced have come.
      for (;;) {
        const words = text.split('\r\n')
        const count = Number(words[0]?.slice(1))
        if (words.length < 2 * count + 2) return
        const command = Array.from({ length: count }, (_none, at) => words[2 * at + 2])
          .join(' ')
          .toLowerCase()
        text = words.slice(2 * count + 1).join('\r\n')
        heard.push(command)
        const reply = answer(command, socket, connection)
        if (reply !== undefined) socket.write(reply, 'latin1')
      }
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.after(() => {
    listener.close()
    for (const socket of sockets) socket.destroy()
  })
  const { port } = listener.address() as AddressInfo
  return { heard, source: { address: { host: '127.0.0.1', port }, access: {} } }
}

/** What every server says before PSYNC. */
export function usual(command: string, info = 'redis_version:7.0.15'): string {
  if (command === 'ping') return '+PONG\r\n'
  if (command.startsWith('info')) return `$${info.length}\r\n${info}\r\n`
  return '+OK\r\n'
}
