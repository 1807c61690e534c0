// The life of alerts on a clock that only the test moves: each state, what leads out of it, and a restart in the middle.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { between, timeline } from '../../test/rule-timeline.ts'

const high = (more = ''): string => `
groups:
  - name: memory
    rules:
      - alert: High
        expr: used > 90
        ${more}
        annotations: { says: '{{ $value }} on {{ $labels.server }}' }`

describe('an alert', () => {
  it('without `for` fires at the first evaluation that finds it, and is resolved at the first that does not', async () => {
    await timeline(high())
      .at('0s', { used: 50 })
      .at('20s', { used: 95 })
      .at('40s', { used: 50 })
      .want(between('20s', '25s'), 'High firing')
      .want(between('40s', '45s'), 'High resolved')
      .wantNever('High pending')
      .run('60s')
  })

  it('is pending for the time of `for`', async () => {
    await timeline(high('for: 30s'))
      .at('0s', { used: 95 })
      .want(between('0s', '5s'), 'High pending')
      .want(between('30s', '40s'), 'High firing')
      .run('60s')
  })

  it('that is over while pending is forgotten and begins anew', async () => {
    await timeline(high('for: 30s'))
      .at('0s', { used: 95 })
      .at('20s', { used: 50 })
      .at('30s', { used: 95 })
      .want(between('0s', '5s'), 'High pending')
      .want(between('20s', '25s'), 'High gone')
      .want(between('30s', '35s'), 'High pending')
      .wantNever('High firing')
      .run('55s')
  })

  it('goes on firing for the time of `keep_firing_for`', async () => {
    await timeline(high('keep_firing_for: 30s'))
      .at('0s', { used: 95 })
      .at('20s', { used: 50 })
      .want(between('0s', '5s'), 'High firing')
      .want(between('50s', '60s'), 'High resolved')
      .run('80s')
  })

  it('found again while it is kept firing needs the whole time once more', async () => {
    await timeline(high('keep_firing_for: 30s'))
      .at('0s', { used: 95 })
      .at('20s', { used: 50 })
      .at('40s', { used: 95 })
      .at('50s', { used: 50 })
      .want(between('0s', '5s'), 'High firing')
      .want(between('80s', '90s'), 'High resolved')
      .run('100s')
  })

  it('is listed as resolved for 15 minutes', async () => {
    await timeline(high())
      .at('0s', { used: 95 })
      .at('10s', { used: 50 })
      .want(between('0s', '5s'), 'High firing')
      .want(between('10s', '15s'), 'High resolved')
      .want(between('910s', '920s'), 'High gone')
      .run('1000s')
  })

  it('is one for each series, and ends when its series ends', async () => {
    await timeline(high())
      .at('0s', { 'used{server="a"}': 95, 'used{server="b"}': 20 })
      .at('20s', { 'used{server="b"}': 99 })
      .at('40s', { 'used{server="a"}': undefined })
      .want(between('0s', '5s'), 'High{server="a"} firing')
      .want(between('20s', '25s'), 'High{server="b"} firing')
      .want(between('40s', '45s'), 'High{server="a"} resolved')
      .wantNever('High{server="b"} resolved')
      .run('60s')
  })

  it('has the value and the text of the last evaluation', async () => {
    const life = timeline(high()).at('0s', { 'used{server="a"}': 95 }).at('20s', { 'used{server="a"}': 97.5 })
    life.at('40s', () => {
      const [alert] = life.alerts()
      assert.equal(alert?.value, 97.5)
      assert.deepEqual(alert.annotations, { says: '97.5 on a' })
      assert.deepEqual(alert.labels, { alertname: 'High', server: 'a' })
    })
    await life.run('45s')
  })

  it('fires although its text cannot be written', async () => {
    const life = timeline(high().replace('$value', 'query "1 +" | first | value')).at('0s', { used: 95 })
    life.at('10s', () => assert.match(life.alerts()[0]?.annotations['says'] ?? '', /^<error expanding template: /))
    await life.want(between('0s', '5s'), 'High firing').run('15s')
  })
})

describe('a restart', () => {
  it('while pending counts the time before it and not the outage', async () => {
    await timeline(high('for: 60s'))
      .at('0s', { used: 95 })
      .restart('40s', '30s') // 40 s of 60 are spent
      .want(between('0s', '5s'), 'High pending')
      .want(between('85s', '105s'), 'High firing')
      .run('120s')
  })

  it('while firing is no new alert', async () => {
    const life = timeline(high('for: 30s'))
      .at('0s', { used: 95 })
      .restart('60s', '20s')
      .want(between('0s', '5s'), 'High pending')
      .want(between('30s', '40s'), 'High firing')
    life.at('100s', () => assert.equal((life.alerts()[0]?.activeAt ?? 0) < 1_700_000_006_000, true))
    await life.run('120s')
  })

  it('of which the problem did not live to see the end: resolved, once there was time to look', async () => {
    await timeline(high())
      .at('0s', { used: 95 })
      .restart('20s', '20s')
      .at('30s', { used: 50 })
      .want(between('0s', '5s'), 'High firing')
      .want(between('65s', '80s'), 'High resolved')
      .run('100s')
  })

  it('waits for as long as the expression looks back', async () => {
    await timeline(high().replace('used > 90', 'avg_over_time(used[2m]) > 90'))
      .at('0s', { used: 95 })
      .restart('20s', '20s')
      .at('30s', { used: undefined })
      .want(between('0s', '5s'), 'High firing')
      .want(between('160s', '170s'), 'High resolved')
      .run('200s')
  })

  it('after more than an hour begins anew', async () => {
    await timeline(high('for: 60s'))
      .at('0s', { used: 95 })
      .restart('40s', '61m')
      .want(between('0s', '5s'), 'High pending')
      .want(between('3760s', '3770s'), 'High firing')
      .run('3800s')
  })

  it('while kept firing, or after a kill in the middle of anything, gives each alert one end', async () => {
    await timeline(high('keep_firing_for: 60s'))
      .at('0s', { used: 95 })
      .at('20s', { used: 50 })
      .restart('40s', '10s')
      .want(between('0s', '5s'), 'High firing')
      .want(between('80s', '90s'), 'High resolved')
      .run('200s')
  })
})

describe('the clock', () => {
  for (const [what, byMs] of [
    ['back', -3_600_000],
    ['ahead', 3_600_000],
  ] as const)
    it(`set ${what} by an hour fires nothing early, late or twice`, async () => {
      const life = timeline(high('for: 60s')).at('0s', { used: 95 })
      life.at('30s', () => life.clock.set(byMs))
      life.at('100s', () => life.clock.set(byMs))
      await life
        .want(between('0s', '5s'), 'High pending')
        .want(between('60s', '70s'), 'High firing')
        .wantNever('High resolved')
        .wantNever('High gone')
        .run('150s')
    })
})

describe('a group', () => {
  it('evaluates its rules in order: a later one sees what an earlier one has just recorded', async () => {
    await timeline(`
groups:
  - name: g
    rules:
      - record: used:double
        expr: used * 2
        labels: { kind: computed }
      - alert: Double
        expr: used:double{kind="computed"} > 180`)
      .at('0s', { used: 95 })
      .at('20s', { used: 50 })
      .want(between('0s', '5s'), 'Double{kind="computed"} firing')
      .want(between('20s', '25s'), 'Double{kind="computed"} resolved')
      .run('40s')
  })

  it('writes ALERTS and ALERTS_FOR_STATE, which end with the alert', async () => {
    await timeline(`
groups:
  - name: g
    rules:
      - alert: High
        expr: used > 90
        for: 10s
      - alert: Seen
        expr: ALERTS{alertname="High", alertstate="firing"} and on (alertname) time() - ALERTS_FOR_STATE >= 10`)
      .at('0s', { used: 95 })
      .at('30s', { used: 50 })
      .want(between('10s', '20s'), 'Seen{alertstate="firing"} firing')
      .want(between('30s', '40s'), 'Seen{alertstate="firing"} resolved')
      .run('50s')
  })

  it('keeps its own interval, also when an answer changes; others are evaluated at once', async () => {
    const life = timeline(`
groups:
  - name: slow
    interval: 1m
    rules: [{ alert: Slow, expr: used > 90 }]
  - name: own
    rules: [{ alert: Own, expr: used > 90 }]`)
    life.at('0s', { used: 50 })
    life.at('62s', () => life.rules?.reevaluateNow())
    const lastAt = new Map<string, number | undefined>()
    life.at('63s', () => {
      for (const { group, lastAtMs } of life.rules?.groups() ?? []) lastAt.set(group.name, lastAtMs)
    })
    await life.run('65s')
    const changedAt = 1_700_000_000_000 + 62_000
    assert.ok((lastAt.get('own') ?? 0) >= changedAt && (lastAt.get('own') ?? 0) < changedAt + 100, 'own: at once')
    assert.ok((lastAt.get('slow') ?? 0) < changedAt, 'slow: when it is due')
  })

  it('fires when its `for` ends, and not at the interval after that', async () => {
    const life = timeline(`
groups:
  - name: own
    rules: [{ alert: Own, expr: used > 90, for: 7s }]`)
    life.at('0s', { used: 50 })
    life.at('61s', { used: 95 })
    life.at('62s', () => life.rules?.reevaluateNow())
    await life.want(between('61s', '63s'), 'Own pending').want(between('68s', '70s'), 'Own firing').run('75s')
  })

  it('looks back by its query_offset', async () => {
    await timeline(high().replace('name: memory', 'name: memory\n    query_offset: 30s'))
      .at('0s', { used: 95 })
      .want(between('30s', '40s'), 'High firing')
      .run('50s')
  })

  it('drops all alerts of a rule that finds more than its limit, and says so', async () => {
    const life = timeline(high().replace('name: memory', 'name: memory\n    limit: 1'))
      .at('0s', { 'used{server="a"}': 95 })
      .at('20s', { 'used{server="b"}': 95 })
      .want(between('0s', '5s'), 'High{server="a"} firing')
      .want(between('20s', '25s'), 'High{server="a"} resolved') // nobody shall wait for its end
      .want(between('25s', '30s'), 'High{server="a"} gone')
    await life.run('40s')
    assert.deepEqual(life.errors, ['rule High cannot be evaluated: exceeded limit of 1 with 2 alerts'])
  })

  it('refuses two alerts with the same labels, and goes on with its other rules', async () => {
    const life = timeline(`
groups:
  - name: g
    rules:
      - alert: Same
        expr: used > 90
        labels: { server: all }
      - alert: Other
        expr: max(used) > 90`)
      .at('0s', { 'used{server="a"}': 95, 'used{server="b"}': 95 })
      .want(between('0s', '5s'), 'Other firing')
      .wantNever('Same{server="all"} firing')
    await life.run('20s')
    assert.match(life.errors[0] ?? '', /same labelset after applying alert labels/)
  })

  it('goes on with its alerts when its file is read anew, and forgets rules that are gone', async () => {
    await timeline(high('for: 20s'))
      .at('0s', { used: 95 })
      .reload('60s', high('for: 40s').replace('says:', 'tells:'))
      .reload('80s', high('for: 300s'))
      .reload('100s', high().replace('High', 'Other'))
      .want(between('0s', '5s'), 'High pending')
      .want(between('20s', '30s'), 'High firing')
      .want(between('80s', '90s'), 'High pending') // `for` was made longer
      .want(between('100s', '110s'), 'High gone')
      .want(between('100s', '110s'), 'Other firing')
      .run('120s')
  })
})

describe('alerts are handed on', () => {
  it('with an end for each, also for one that was only pending, and for those of a file that is gone', async () => {
    const life = timeline(high('for: 30s')).at('0s', { 'used{server="a"}': 95, 'used{server="b"}': 95 })
    const seen: string[] = []
    life.onAlerts = (alerts) =>
      void seen.push(alerts.map(({ labels, state }) => `${labels['server']} ${state}`).join(', '))
    life.at('10s', { 'used{server="a"}': 50 })
    life.at('40s', () => life.rules?.reload([]))
    await life.run('60s')
    const each = seen.filter((text, at) => text !== seen[at - 1])
    assert.deepEqual(each, ['a pending, b pending', 'b pending, a resolved', 'b pending', 'b firing', 'b resolved'])
  })
})

describe('what cannot be kept', () => {
  it('is said once, and evaluation goes on', async () => {
    const life = timeline(high()).at('0s', { used: 95 }).at('30s', { used: 50 })
    life.state.alertStates.save = () => assert.fail('the disk is full')
    await life.want(between('0s', '5s'), 'High firing').want(between('30s', '35s'), 'High resolved').run('60s')
    assert.deepEqual(life.errors, ['the state of alerts cannot be kept: the disk is full'])
  })
})
