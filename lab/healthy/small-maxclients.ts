import { oddity } from '../healthy.ts'

export default oddity({ says: 'It allows few clients, and has fewer.', conf: ['maxclients 60'] })
