// What would be lost now, said of evidence that was made by hand.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { constructedEvidence, constructedServer } from '../../test/constructed-evidence.ts'
import { atRisk } from './at-risk.ts'

describe('what is at risk now', () => {
  test('is the changes since the last snapshot, and how old they may be', () => {
    const config = { save: '3600 1 300 100 60 10000' }
    const evidence = constructedEvidence({ info: { rdb_changes_since_last_save: '12345' }, config })
    assert.deepEqual(atRisk(evidence).servers, [{ server: 'h:1', unsavedChanges: 12_345, unsavedSeconds: 600 }])
    assert.deepEqual(atRisk(evidence).says, [
      'If h:1 dies now and comes back: 12.3 K changes are lost, up to 10 min old.',
      'By its save points a crash of h:1 may cost: 1 to 99 changes: up to 3,600 s lost; 100 to 9,999: 300 s; 10,000 and more: 60 s.',
      'Respite knows of no backup of it.',
    ])
  })

  test('is a second or two with an append-only file, and what it could not take while it fails', () => {
    const config = { appendfsync: 'everysec' }
    const well = constructedEvidence({ info: { aof_enabled: '1' }, config })
    assert.match(atRisk(well).says[0] ?? '', /one second of writes may be lost/)
    const info = { aof_enabled: '1', aof_last_write_status: 'err', aof_buffer_length: '2048' }
    assert.match(atRisk(constructedEvidence({ info, config })).says[0] ?? '', /2 KiB of writes .* are lost/)
  })

  test('is what the best replica lacks, and the age of the last backup that was read back', () => {
    const info = {
      rdb_changes_since_last_save: '0',
      slave0: 'ip=h,port=2,state=online,offset=4000,lag=0',
      slave1: 'ip=h,port=3,state=online,offset=4900,lag=1',
      slave2: 'ip=h,port=4,state=wait_bgsave,offset=0,lag=0',
    }
    const { takenAt } = constructedEvidence({})
    const backups = { verifiedAt: takenAt - 7_200_000, lagSeconds: 0.2, trouble: [] }
    const namespaces = [{ name: 'session', pattern: 'session:*', loss: 'Users must log in again' }]
    const { servers, backup, says } = atRisk(constructedEvidence({ info }, { backups, namespaces }))
    assert.deepEqual(servers, [{ server: 'h:1', unsavedChanges: 0, replica: 'h:3', behindBytes: 100 }])
    assert.deepEqual(backup, { verifiedSeconds: 7_200, baseSeconds: undefined, lagSeconds: 0.2 })
    assert.deepEqual(says.slice(2), [
      'If h:1 dies and h:3 takes over: 100 B of writes are lost.',
      'A base was last read back whole 2 h ago; the archive is 200 ms behind.',
      'What a loss means: session: Users must log in again.',
    ])
  })

  test('is not known of a server that says nothing, and nothing of one without keys', () => {
    const { info: _, ...silent } = constructedServer()
    assert.deepEqual(atRisk(constructedEvidence(silent)).says, [])
    assert.deepEqual(atRisk(constructedEvidence({ info: { db0: 'keys=0,expires=0' } })).says, [])
  })
})
