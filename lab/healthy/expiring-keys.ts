import { oddity } from '../healthy.ts'

export default oddity({
  says: 'Every key of a session store expires within the minute.',
  dataClass: 'cache',
  async prepare({ primary }) {
    const script = "for i=1,3000 do redis.call('set','session:'..i,'x','px',2000+(i*20)) end"
    await primary.cli('EVAL', script, '0')
  },
})
