// A server with every type in every encoding that Redis 7.0 writes, other databases, keys that expire, a stream with
// groups, functions, and keys and values that are no text.

import { createClient, RESP_TYPES } from '@redis/client'
import type { Server } from '../lab/servers.ts'

/** A connection that answers with bytes as they are. */
export async function bytesOf(server: Server) {
  const client = createClient({ RESP: 2, socket: { host: '127.0.0.1', port: server.port } })
  await client.connect()
  const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
  return {
    send: (...words: (string | Buffer)[]): Promise<unknown> => binary.sendCommand(words),
    close: () => client.destroy(),
  }
}
export type Line = Awaited<ReturnType<typeof bytesOf>>

const numbers = (count: number, of: (at: number) => string): string[] =>
  Array.from({ length: count }, (_, at) => of(at))
const LONG = 'compress me '.repeat(40)
const BINARY = Buffer.from([0, 255, 128, 13, 10, 0, 200])

/** Everything in all the encodings that Redis 7.0 writes. */
export async function fill({ send }: Line): Promise<void> {
  await send('SET', 'text', 'plain')
  await send('SET', 'packed', LONG)
  await send('SET', BINARY, BINARY)
  await send('SET', '12345', '-128')
  await send('SET', 'k'.repeat(300), 'a key that is packed')
  for (const number of ['0', '-1', '127', '128', '-32768', '32768', '2147483647', '-2147483648', '2147483648'])
    await send('SET', `integer:${number}`, number)
  await send('SET', 'expires', 'later', 'PXAT', '4102444800123')
  await send('SETRANGE', 'zeros', '20000', 'x')
  await send('PFADD', 'hll', ...numbers(200, String))

  await send(
    'RPUSH',
    'list:small',
    'a',
    '1',
    '-1',
    '4095',
    '-4096',
    '65535',
    '8388607',
    '2147483647',
    '9223372036854775807',
  )
  await send('RPUSH', 'list:texts', '', 'x'.repeat(63), 'y'.repeat(64), 'z'.repeat(4095), 'w'.repeat(4096), BINARY)
  await send('RPUSH', 'list:long', ...numbers(3000, (at) => `element ${at} ${LONG}`.slice(0, 10 + (at % 300))))
  await send('DEBUG', 'QUICKLIST-PACKED-THRESHOLD', '200')
  await send('RPUSH', 'list:plain', 'short', 'p'.repeat(500), 'short again')
  await send('DEBUG', 'QUICKLIST-PACKED-THRESHOLD', '0')

  await send('SADD', 'set:16', '1', '-2', '300')
  await send('SADD', 'set:32', '1', '70000')
  await send('SADD', 'set:64', '1', '9223372036854775807', '-9223372036854775808')
  await send('SADD', 'set:table', 'a', BINARY, '17', LONG)

  await send('ZADD', 'zset:small', '1', 'one', '-1.5', 'b', '+inf', 'up', '-inf', 'down', '1e300', 'big', '0.1', '7')
  await send('ZADD', 'zset:table', ...numbers(300, (at) => `${at / 7} member${at}`).flatMap((pair) => pair.split(' ')))

  await send('HSET', 'hash:small', 'field', 'value', '1', '2', 'empty', '', 'x'.repeat(60), BINARY)
  await send('HSET', 'hash:table', ...numbers(400, (at) => `field${at} ${at}`).flatMap((pair) => pair.split(' ')))
  await send('HSET', 'hash:wide', 'f', LONG)

  for (let at = 1; at <= 250; at += 1)
    await send(
      'XADD',
      'stream',
      `${1000 + at}-${at % 3}`,
      'sensor',
      `${at % 7}`,
      ...(at % 5 === 0 ? ['extra', LONG] : []),
    )
  await send('XDEL', 'stream', '1010-1', '1011-2', '1250-1')
  await send('XGROUP', 'CREATE', 'stream', 'readers', '0')
  await send('XGROUP', 'CREATE', 'stream', 'idle', '$')
  await send('XREADGROUP', 'GROUP', 'readers', 'ann', 'COUNT', '10', 'STREAMS', 'stream', '>')
  await send('XREADGROUP', 'GROUP', 'readers', 'bob', 'COUNT', '5', 'STREAMS', 'stream', '>')
  await send('XACK', 'stream', 'readers', '1001-1', '1002-2')
  await send('XADD', 'stream:empty', '18446744073709551615-7', 'a', 'b')
  await send('XDEL', 'stream:empty', '18446744073709551615-7')

  await send('FUNCTION', 'LOAD', `#!lua name=lib\nredis.register_function('f', function() return '${LONG}' end)`)
  await send('SELECT', '9')
  await send('SET', 'in another database', 'x', 'EX', '100000')
  await send('SELECT', '0')
}
