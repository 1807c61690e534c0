// Light traffic of many different commands, so that most of what a server counts moves: each server is sent one batch of
// all commands, again and again. It goes over plain sockets and its answers are thrown away unread, which costs next to
// nothing beside what is measured. Each batch also holds every command without its arguments, which is refused: real
// servers count errors too. The data stays small: every key is overwritten, trimmed or deleted by the batch itself.

import { connect } from 'node:net'

const COMMANDS: readonly string[] = [
  'SET session:1 abcdefgh',
  'GET session:1',
  'SETEX cache:1 60 abcdefgh',
  'PSETEX cache:2 60000 abcdefgh',
  'GETEX cache:1 EX 60',
  'GETSET session:1 ijklmnop',
  'MSET cache:3 a cache:4 b',
  'MGET cache:3 cache:4 cache:none',
  'INCR rate:1',
  'INCRBY rate:2 5',
  'DECR rate:1',
  'EXPIRE rate:1 60',
  'TTL rate:1',
  'PERSIST rate:1',
  'EXISTS session:1',
  'STRLEN session:1',
  'SETRANGE session:1 2 xy',
  'GETRANGE session:1 0 3',
  'HSET workflow:1 state running step 3',
  'HGET workflow:1 state',
  'HMGET workflow:1 state step',
  'HGETALL workflow:1',
  'HINCRBY workflow:1 step 1',
  'HLEN workflow:1',
  'LPUSH queue:1 a b c',
  'RPUSH queue:1 d',
  'LRANGE queue:1 0 -1',
  'RPOP queue:1',
  'LPOP queue:1',
  'LLEN queue:1',
  'LTRIM queue:1 0 9',
  'SADD mesh:1 a b c',
  'SISMEMBER mesh:1 a',
  'SMEMBERS mesh:1',
  'SCARD mesh:1',
  'SREM mesh:1 b',
  'ZADD lock:1 1 a 2 b',
  'ZINCRBY lock:1 1 a',
  'ZRANGE lock:1 0 -1',
  'ZSCORE lock:1 a',
  'ZREM lock:1 b',
  'PUBLISH events hello',
  'XADD stream:1 MAXLEN 10 * field value',
  'XLEN stream:1',
  'PFADD visits:1 a b c',
  'PFCOUNT visits:1',
  'SETBIT flags:1 7 1',
  'BITCOUNT flags:1',
  'TYPE session:1',
  'SCAN 0 COUNT 10',
  'DEL cache:3',
  'UNLINK cache:4',
]

export interface Traffic {
  readonly commandsPerSecond: number // in all
  stop(): void
}

/** Sends to each server `count` different commands every `everyMs`, the servers one after the other. */
export function startTraffic(ports: readonly number[], everyMs: number, count = COMMANDS.length): Traffic {
  const whole = COMMANDS.slice(0, count)
  const refused = whole.map((command) => command.split(' ')[0] ?? '')
  const batch = Buffer.from([...whole, ...refused].map(encode).join(''))
  const sockets = ports.map((port) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined) // a server that is broken on purpose has no traffic
    socket.resume()
    return socket
  })
  let next = 0
  const timer = setInterval(() => {
    const socket = sockets[next % sockets.length]
    next += 1
    if (socket?.writable === true) socket.write(batch)
  }, everyMs / ports.length)
  return {
    commandsPerSecond: Math.round((2 * count * ports.length * 1_000) / everyMs),
    stop() {
      clearInterval(timer)
      for (const socket of sockets) socket.destroy()
    },
  }
}

function encode(command: string): string {
  const words = command.split(' ')
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
}
