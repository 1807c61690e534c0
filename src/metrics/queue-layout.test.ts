import assert from 'node:assert/strict'
import { test } from 'node:test'
import { celeryKeys, isPattern, queueName, siblingKeys } from './queue-layout.ts'

test('the name of a queue is told from its key', () => {
  assert.equal(queueName('bull:mail:wait'), 'mail')
  assert.equal(queueName('bull:team:mail:delayed'), 'team:mail')
  assert.equal(queueName('queue:default'), 'default')
  assert.equal(queueName('celery\x06\x163'), 'celery')
  assert.equal(queueName('jobs'), 'jobs')
  assert.equal(queueName('bull:mail'), 'bull:mail')
})

test('one key of a Bull queue tells the others, and which type they are', () => {
  const siblings = siblingKeys('bull:mail:wait')
  assert.equal(siblings.get('bull:mail:delayed'), 'zset')
  assert.equal(siblings.get('bull:mail:active'), 'list')
  assert.equal(siblings.has('bull:mail:completed'), false, 'what is done needs nobody')
  assert.equal(siblingKeys('jobs').size, 0)
})

test('Celery keeps priorities and unacknowledged messages elsewhere', () => {
  assert.deepEqual(celeryKeys('celery'), ['celery\x06\x163', 'celery\x06\x166', 'celery\x06\x169', 'unacked'])
})

test('a pattern is told from a key', () => {
  assert.ok(isPattern('bull:*:wait'))
  assert.ok(isPattern('q[0-9]'))
  assert.ok(!isPattern('celery'))
})
