import assert from 'node:assert/strict'
import { test } from 'node:test'
import { directivesOf } from './config-directives.ts'

const FILE = `# dir /nowhere
port 6379
dir "/var/lib/re dis"
logfile ""
logfile server.log
include /etc/redis/more.conf
`
const read = (path: string): string | undefined => (path === '/etc/redis.conf' ? FILE : undefined)

test('the places of a server stand in its configuration file', () => {
  assert.deepEqual(directivesOf(['/usr/bin/redis-server', '/etc/redis.conf'], '/', read), {
    configFile: '/etc/redis.conf',
    dataDir: '/var/lib/re dis',
    logFile: '/var/lib/re dis/server.log', // it is opened in the data directory
    includes: true,
    ports: [6379],
    socket: undefined,
  })
})

test('the command line wins, also behind an entrypoint, and relative paths begin where it was started', () => {
  const command = ['docker-entrypoint.sh', 'redis-server', 'redis.conf', '--dir', 'data', '--logfile', '/log']
  const { configFile, dataDir, logFile } = directivesOf(command, '/etc', read)
  assert.deepEqual([configFile, dataDir, logFile], ['/etc/redis.conf', '/etc/data', '/log'])
})

test('without either, a server works where it was started, and a title tells nothing', () => {
  assert.equal(directivesOf(['redis-server'], '/data', read).dataDir, '/data')
  assert.equal(directivesOf(['redis-server *:6379'], '/data', read).dataDir, undefined)
})
