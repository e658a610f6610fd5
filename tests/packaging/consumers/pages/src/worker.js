// As one file without chunks, as service workers need it. It works in a page, too.
import { init } from 'lamplight/worker'
import { visit } from './visit.js'

visit(init, 'worker')
