// What servers say of each other, in all its odd forms. What is no address is nobody: it never becomes a server to watch,
// and never stops the reading of the rest.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseInfo } from './info.ts'
import { idOfRecord, parseClusterNodes, parseHello, parseRecord, parseRecords, parseReplication } from './topology.ts'
import { parseAddress } from './url.ts'

const ID = 'e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca'
const PRIMARY = '67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1'

test('a primary names its replicas, IPv6 too; a client that never told its port is no replica', () => {
  const info = parseInfo(
    'role:master\nconnected_slaves:4\nslave0:ip=10.0.0.2,port=6379,state=online,offset=70,lag=1\n' +
      'slave1:ip=fd00::3,port=6380,state=wait_bgsave,offset=0,lag=0\nslave2:ip=10.0.0.9,port=0,state=online,offset=1,lag=1\n' +
      'slave3:ip=10.0.0.4,port=nonsense,state=online\nmaster_replid:abc\nmaster_repl_offset:84\n',
  )
  assert.deepEqual(parseReplication(info), {
    role: 'primary',
    replid: 'abc',
    offset: 84,
    replicas: [
      { id: '10.0.0.2:6379', state: 'online', offset: 70 },
      { id: '[fd00::3]:6380', state: 'wait_bgsave', offset: 0 },
    ],
    primary: undefined,
    linkUp: undefined,
  })
})

test('a replica names its primary and says whether the link is up, and may have replicas of its own', () => {
  const info = parseInfo(
    'role:slave\nmaster_host:db.example\nmaster_port:7000\nmaster_link_status:down\nslave_repl_offset:12\n' +
      'connected_slaves:1\nslave0:ip=10.0.0.2,port=6379,state=online,offset=7,lag=1\nmaster_repl_offset:12\n',
  )
  const { role, primary, linkUp, offset, replicas } = parseReplication(info)
  assert.deepEqual(
    { role, primary, linkUp, offset },
    { role: 'replica', primary: 'db.example:7000', linkUp: false, offset: 12 },
  )
  assert.equal(replicas.length, 1)
})

const LINES: readonly [string, string, string][] = [
  ['before 4.0, without a bus port', `${ID} 10.0.0.1:30001 master - 0 0 1 connected 0-5460`, '10.0.0.1:30001'],
  ['with a bus port', `${ID} 10.0.0.1:30001@31001 myself,master - 0 0 1 connected`, '10.0.0.1:30001'],
  ['with a host name', `${ID} 10.0.0.1:30001@31001,db-1.example slave ${PRIMARY} 0 1 2 connected`, '10.0.0.1:30001'],
  ['with an empty host name', `${ID} 10.0.0.1:30001@31001, master - 0 0 1 connected`, '10.0.0.1:30001'],
  [
    'with labels (7.2)',
    `${ID} 10.0.0.1:30001@31001,,tls-port=0,shard-id=ab master - 0 0 1 connected`,
    '10.0.0.1:30001',
  ],
  ['IPv6', `${ID} fd00::1:30001@31001 master - 0 0 1 connected`, '[fd00::1]:30001'],
  ['no address known', `${ID} :0@0 slave,noaddr ${PRIMARY} 0 1 2 disconnected`, ''],
  ['itself before anybody told it its address', `${ID} :30001@31001 myself,master - 0 0 0 connected`, ''],
  ['in handshake', `${ID} 10.0.0.1:30001@0 handshake - 0 0 0 disconnected`, '10.0.0.1:30001'],
  ['an impossible port', `${ID} 10.0.0.1:99999@1 master - 0 0 1 connected`, ''],
  ['an address that is none', `${ID} [x]\u001b:1@1 master - 0 0 1 connected`, ''],
]

for (const [what, line, id] of LINES)
  test(`CLUSTER NODES ${what}`, () => {
    const [node] = parseClusterNodes(`${line}\n\n`)
    assert.equal(node?.nodeId, ID)
    assert.equal(node.id, id)
  })

test('CLUSTER NODES: flags, the primary of a replica, slots and those that move', () => {
  const [node, replica] = parseClusterNodes(
    `${ID} 10.0.0.1:1@2 myself,master,fail? - 0 1 2 connected 0-5460 5500 [93-<-${PRIMARY}] [77->-${PRIMARY}]\r\n` +
      `${PRIMARY} 10.0.0.2:1@2 slave,fail ${ID} 0 1 2 disconnected`,
  )
  assert.deepEqual(node?.flags, ['myself', 'master', 'fail?'])
  assert.deepEqual(node.slots, ['0-5460', '5500', `[93-<-${PRIMARY}]`, `[77->-${PRIMARY}]`])
  assert.equal(node.connected, true)
  assert.deepEqual([replica?.primary, replica?.connected], [ID, false])
})

test("a Sentinel's records; one without a port is nobody", () => {
  const [record = {}] = parseRecords([['name', 'orders', 'ip', '10.0.0.1', 'port', '6379'], 'odd'])
  assert.equal(record['name'], 'orders')
  assert.equal(idOfRecord(record), '10.0.0.1:6379')
  assert.equal(idOfRecord({ ip: '10.0.0.1' }), undefined)
  assert.equal(idOfRecord({ ip: '', port: '6379' }), undefined)
  assert.deepEqual(parseRecord('odd'), {})
})

test('the hello of a Sentinel is read; a message by anybody else is not one', () => {
  assert.deepEqual(parseHello('10.0.0.7,26379,runid,0,orders,10.0.0.1,6379,0'), {
    sentinel: '10.0.0.7:26379',
    masterName: 'orders',
    primary: '10.0.0.1:6379',
  })
  for (const message of ['', 'hello', '10.0.0.7,x,r,0,orders,10.0.0.1,6379,0', '10.0.0.7,26379,r,0,orders,,6379,0'])
    assert.equal(parseHello(message), undefined)
})

test('no text makes them throw, and every id that they give is an address', () => {
  const word = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('-', 'slave', '10.0.0.1:1@2', '::1:7@8,h'))
  const line = fc.array(word, { maxLength: 12 }).map((words) => words.join(' '))
  fc.assert(
    fc.property(fc.array(line), fc.array(word, { maxLength: 9 }), (lines, words) => {
      for (const { id } of parseClusterNodes(lines.join('\n'))) if (id !== '') parseAddress(id)
      const hello = parseHello(words.join(','))
      if (hello !== undefined) [hello.sentinel, hello.primary].forEach(parseAddress)
      const [ip = '', port = ''] = words
      const said = `role:slave\nmaster_host:${ip}\nmaster_port:${port}\nconnected_slaves:1\nslave0:ip=${ip},port=${port}`
      const { primary, replicas } = parseReplication(parseInfo(said))
      for (const id of [primary, ...replicas.map((replica) => replica.id)]) if (id !== undefined) parseAddress(id)
    }),
  )
})
