import { oddity } from '../healthy.ts'

export default oddity({
  says: 'CONFIG and KEYS have no name any more, as managed services do it.',
  conf: ['rename-command CONFIG ""', 'rename-command KEYS ""'],
})
