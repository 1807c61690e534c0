// Every reason for which a notifier is not told of an alert now, with its words: "why was I not called?" always has an
// answer.

export const WHY_NOT = {
  pending: 'it has not held for long enough to fire',
  silenced: 'somebody silenced it',
  inhibited: 'a deeper cause is told instead',
  recovering: 'a deeper cause has just ended; what it broke has half a minute to recover',
  maintenance: 'its deployment is under maintenance',
  settling: 'it was held back before a restart, and what its servers are to each other is not known again yet',
  'awaits-diagnosis': 'its cause is being looked for; it is told in a moment, with it or without',
  acknowledged: 'somebody acknowledged it',
  'already-told': 'it was told, and it is too early to repeat it',
  'not-yet-escalated': 'it is told only when nobody acknowledges in time',
  'no-route': 'no route leads there',
  watchdog: 'it fires always, to show that alerts arrive; people are not told of it',
  flapping: 'it comes and goes; its end is believed after a quiet time',
  'never-told': 'it ended, and was never told there',
  'waits-for-more': 'it ended; told together with others of its group that may end soon',
  'under-way': 'it is being told right now',
  'retry-waits': 'the last attempt failed; the next one waits',
  refused: 'the last attempt was refused, and trying again cannot help',
} as const satisfies Record<string, string>

export type WhyNot = keyof typeof WHY_NOT
