// A large RDB as a web shop has it, written by a real server: sessions that expire, small hashes, sorted sets, lists, sets
// and a few very large values of each kind. It is made once and kept under the system's temporary folder.

import { copyFileSync, existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from '../../lab/servers.ts'

const KEYS = 3_000_000
const BATCH = 25_000
const VERSION = 1 // of what FILL makes

// Of twenty keys: eleven strings (five expire), three hashes, two sorted sets, two lists, two sets.
const FILL = `
local from, count = tonumber(ARGV[1]), tonumber(ARGV[2])
math.randomseed(from)
local function text(parts)
  local all = {}
  for i = 1, parts do all[i] = string.sub(tostring(math.random()), 3) end
  return table.concat(all, '-')
end
for i = from, from + count - 1 do
  local m, id = i % 20, string.format('%07d', i)
  if m < 11 then
    redis.call('SET', 'session:' .. id, text(14))
    if m < 5 then redis.call('EXPIRE', 'session:' .. id, 3600 + i) end
  elseif m < 14 then
    redis.call('HSET', 'user:' .. id, 'name', 'Name ' .. id, 'mail', id .. '@example.com', 'score', i, 'token', text(4))
  elseif m < 16 then redis.call('ZADD', 'board:' .. id, i, 'a' .. id, i / 3, 'b' .. text(2), 2.5, 'c')
  elseif m < 18 then redis.call('RPUSH', 'queue:' .. id, 'job' .. id, i, text(6))
  elseif m < 19 then redis.call('SADD', 'tags:' .. id, i, i + 1, i + 2)
  else redis.call('SADD', 'names:' .. id, 'x' .. i, text(2), 'z') end
end`

const LARGE = `
math.randomseed(1)
for i = 1, 200000 do
  redis.call('HSET', 'large:hash', 'field' .. i, math.random())
  redis.call('ZADD', 'large:zset', i / 7, 'member' .. i)
  redis.call('SADD', 'large:set', 'member' .. math.random())
  redis.call('RPUSH', 'large:list', string.rep(tostring(math.random()), 3))
  redis.call('XADD', 'large:stream', i .. '-1', 'sensor', i, 'value', math.random())
end`

/** The path of the file, which has three million keys and some 500 MB. */
export async function mixedRdb(say: (text: string) => void): Promise<string> {
  const folder = join(tmpdir(), 'respite-bench')
  const file = join(folder, `mixed-${VERSION}.rdb`)
  if (!existsSync(file)) {
    say(`a server writes ${KEYS} keys; this is done once and takes a minute or two`)
    mkdirSync(folder, { recursive: true })
    await make(file)
  }
  say(`${file}: ${Math.round(statSync(file).size / 1e6)} MB`)
  return file
}

async function make(file: string): Promise<void> {
  const server = await startServer({ name: 'mixed' })
  try {
    const evaluate = async (...words: string[]): Promise<void> => {
      const reply = await server.cli('EVAL', ...words)
      if (reply !== '') throw new Error(reply)
    }
    for (let from = 0; from < KEYS; from += BATCH) await evaluate(FILL, '0', String(from), String(BATCH))
    await evaluate(LARGE, '0')
    await server.cli('SAVE')
    copyFileSync(join(server.dir, 'dump.rdb'), `${file}.part`)
    renameSync(`${file}.part`, file)
  } finally {
    await server.stop()
  }
}
