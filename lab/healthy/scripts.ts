import { oddity } from '../healthy.ts'

export default oddity({
  says: 'Applications use a handful of Lua scripts and a function.',
  async prepare({ primary }) {
    for (let at = 0; at < 30; at += 1) await primary.cli('EVAL', `return redis.call('incr','count:${at}')`, '0')
    await primary.cli('FUNCTION', 'LOAD', "#!lua name=shop\nredis.register_function('total', function() return 1 end)")
  },
})
