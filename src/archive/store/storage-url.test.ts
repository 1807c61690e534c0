// URLs of stores: what is understood, what is refused, and that no secret in one is ever said.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../lib/clock.ts'
import { Fault } from '../../lib/fault.ts'
import { openStorage } from './storage.ts'
import { endpointOf, parseStorageUrl } from './storage-url.ts'

test('the parts of a URL', () => {
  const { options, ...place } = parseStorageUrl('s3://my-bucket/redis/prod%20eu/?region=eu-1&endpoint=http://h:1/x/')
  assert.deepEqual(place, {
    scheme: 's3',
    host: 'my-bucket',
    path: ['redis', 'prod eu'],
    shown: 's3://my-bucket/redis/prod%20eu',
  })
  assert.deepEqual([...options.keys()], ['region', 'endpoint'])
  assert.equal(endpointOf({ ...place, options }), 'http://h:1/x')
  assert.equal(parseStorageUrl('file:///var/backups//redis/').shown, 'file:///var/backups//redis')
  assert.deepEqual(parseStorageUrl('file:/var/backups').path, ['var', 'backups'])
  assert.equal(parseStorageUrl('azblob://account/container/prefix').host, 'account')
})

/** What a person reads. */
async function refusal(url: string): Promise<string> {
  try {
    await openStorage(url, { clock: systemClock })
  } catch (error) {
    assert.ok(error instanceof Fault)
    assert.deepEqual([error.exit, error.retryable], [64, false])
    return error.toText()
  }
  return assert.fail(`${url} was taken`)
}

test('what is no URL of a store is refused, with what to do instead', async () => {
  assert.match(await refusal('/var/backups'), /it has no scheme\n.*file:\/\/\/var\/backups/)
  assert.match(await refusal('gs://bucket/prefix'), /Google Cloud Storage is not built yet\n.*storage\.googleapis\.com/)
  assert.match(await refusal('ftp://host/path'), /"ftp:" is not a store .*\n.*Known: .*file:/)
  assert.match(await refusal('file://host/path'), /"host" is no folder: a path begins with a third slash/)
  assert.match(await refusal('file:///'), /a path is missing/)
  assert.match(await refusal('file:///a/%zz'), /% that is not followed by two hexadecimal digits/)
  assert.match(await refusal('file:///a/%2e%2e/b'), /"%2e%2e" is no name in a path/)
  assert.match(await refusal('file:///a#b'), /written %23/)
  assert.match(await refusal('file:///a?region=eu'), /"region" is not an option of it\n.*file: takes none/)
  assert.match(await refusal('s3://bucket?region=a&region=b'), /"region" stands in it twice/)
})

test('a URL with a secret in it is refused, and the secret is not said', async () => {
  for (const url of [
    's3://AKIA:geheim@bucket/prefix',
    's3://geheim@bucket',
    's3://bucket?secretAccessKey=geheim',
    's3://bucket?access_key=geheim',
    's3://bucket?sessionToken=geheim',
    'azblob://account/container?sig=geheim&sv=2024',
    'azblob://account/container?accountKey=geheim',
    's3://bucket?password=geheim',
  ]) {
    const said = await refusal(url)
    assert.match(said, /do(es)? not belong in it\n.*environment/, said)
    assert.doesNotMatch(said, /geheim/)
  }
  const options = new Map([['endpoint', 'https://user:geheim@host']])
  assert.throws(
    () => endpointOf({ scheme: 's3', host: 'b', path: [], options, shown: 's3://b' }),
    (fault: Fault) => /a login or a query/.test(fault.why) && !fault.toText().includes('geheim'),
  )
})
